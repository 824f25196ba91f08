import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.core.WhitespaceAnalyzer;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.TextField;
import org.apache.lucene.index.Term;
import org.apache.lucene.monitor.MatchingQueries;
import org.apache.lucene.monitor.Monitor;
import org.apache.lucene.monitor.MonitorQuery;
import org.apache.lucene.monitor.MultiMatchingQueries;
import org.apache.lucene.monitor.QueryMatch;
import org.apache.lucene.queries.spans.SpanNearQuery;
import org.apache.lucene.queries.spans.SpanQuery;
import org.apache.lucene.queries.spans.SpanTermQuery;
import org.apache.lucene.search.BooleanClause.Occur;
import org.apache.lucene.search.BooleanQuery;
import org.apache.lucene.search.PhraseQuery;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.TermQuery;

/**
 * MonitorBench RULES TEXTS BATCH: rules as tab-separated lines (id, kind, then terms), texts as words with single spaces.
 * The first tenth of the texts is matched ten times to warm up, then all are matched once and timed (CPU of the matching thread;
 * the collector's and the compiler's threads are not counted). Prints one JSON line.
 */
public class MonitorBench {
    static final String FIELD = "text";

    static Query query(String[] rule) {
        switch (rule[1]) {
            case "keyword":
                return new TermQuery(new Term(FIELD, rule[2]));
            case "phrase":
                return new PhraseQuery(FIELD, rule[2], rule[3]);
            case "near": {
                SpanQuery[] terms = {new SpanTermQuery(new Term(FIELD, rule[3])), new SpanTermQuery(new Term(FIELD, rule[4]))};
                return new SpanNearQuery(terms, Integer.parseInt(rule[2]) - 1, false);
            }
            default: {
                // bool: all, any, none; each a list of words with single spaces.
                BooleanQuery.Builder builder = new BooleanQuery.Builder();
                for (String term : rule[2].split(" ")) builder.add(new TermQuery(new Term(FIELD, term)), Occur.MUST);
                BooleanQuery.Builder any = new BooleanQuery.Builder();
                for (String term : rule[3].split(" ")) any.add(new TermQuery(new Term(FIELD, term)), Occur.SHOULD);
                builder.add(any.build(), Occur.MUST);
                for (String term : rule[4].split(" ")) builder.add(new TermQuery(new Term(FIELD, term)), Occur.MUST_NOT);
                return builder.build();
            }
        }
    }

    static long mixed(long text, long term) {
        long a = (text << 32) ^ term ^ 0xa0761d6478bd642fL;
        long b = 0xe7037ed1a0b428dbL;
        long high = Math.multiplyHigh(a, b) + (a < 0 ? b : 0) + a;
        return (a * b) ^ high;
    }

    static long hits, digest;

    static void match(Monitor monitor, List<String> texts, int from, int to) throws Exception {
        Document[] batch = new Document[to - from];
        for (int i = from; i < to; i++) {
            batch[i - from] = new Document();
            batch[i - from].add(new TextField(FIELD, texts.get(i), Field.Store.NO));
        }
        if (batch.length == 1) {
            MatchingQueries<QueryMatch> matches = monitor.match(batch[0], QueryMatch.SIMPLE_MATCHER);
            for (QueryMatch match : matches.getMatches()) count(from, match);
        } else {
            MultiMatchingQueries<QueryMatch> matches = monitor.match(batch, QueryMatch.SIMPLE_MATCHER);
            for (int i = 0; i < batch.length; i++) for (QueryMatch match : matches.getMatches(i)) count(from + i, match);
        }
    }

    static void count(int text, QueryMatch match) {
        hits++;
        digest ^= mixed(text, Long.parseLong(match.getQueryId()));
    }

    static void matchAll(Monitor monitor, List<String> texts, int count, int batch) throws Exception {
        hits = digest = 0;
        for (int from = 0; from < count; from += batch) match(monitor, texts, from, Math.min(from + batch, count));
    }

    public static void main(String[] arguments) throws Exception {
        List<String> texts = Files.readAllLines(Path.of(arguments[1]));
        int batch = Integer.parseInt(arguments[2]);
        Analyzer analyzer = new WhitespaceAnalyzer();
        long started = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
        Monitor monitor = new Monitor(analyzer);
        List<MonitorQuery> queries = new ArrayList<>();
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            String[] rule = line.split("\t", -1);
            queries.add(new MonitorQuery(rule[0], query(rule)));
        }
        monitor.register(queries);
        double build = (ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - started) / 1e9;
        for (int i = 0; i < 10; i++) matchAll(monitor, texts, texts.size() / 10, batch);
        started = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
        matchAll(monitor, texts, texts.size(), batch);
        double cpu = (ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - started) / 1e9;
        Runtime runtime = Runtime.getRuntime();
        System.gc();
        double megabytes = (runtime.totalMemory() - runtime.freeMemory()) / 1e6;
        System.out.printf("{\"engine\": \"lucene-monitor\", \"hits\": %d, \"digest\": \"%016x\", \"cpu_s\": %s, \"build_s\": %s, \"megabytes\": %s}%n", hits, digest, cpu, build, megabytes);
        monitor.close();
        System.exit(0);
    }
}
