-- Where a post stands in the queue, computed when it is written, so that the head of a queue of a million is read from
-- one narrow column. The logarithm (base 2) of severity x confidence x reach, plus the days since 1970: a day counts as
-- much as a factor of two, which is the half-life of a place in the queue (`streife_web::priority`), and the order of two
-- posts never changes with time. Severity 1, 0.7, 0.4 by level, times 0.85 unless a label is grave; confidence is the
-- highest score among the labels, at least 0.8 with a rule hit; reach is 0.3 to 1, logarithmic, full at a million views.
ALTER TABLE flagged_posts ADD COLUMN IF NOT EXISTS rank Float64 MATERIALIZED
    log2(
        multiIf(priority = 'high', 1., priority = 'medium', 0.7, priority = 'low', 0.4, 0.0001)
        * if(hasAny(labels, ['violence', 'attack_on_order', 'antisemitism']), 1., 0.85)
        * greatest(0.01, if(notEmpty(rules), 0.8, 0.), arrayMax(arrayConcat([toFloat32(0)], arrayMap(l -> scores[l], labels))))
        * (0.3 + 0.7 * least(1., log10(toFloat64(coalesce(views, followers, 0)) + 1) / 6))
    ) + toUnixTimestamp64Micro(observed_at) / 86400000000;
ALTER TABLE flagged_posts MATERIALIZE COLUMN rank;
