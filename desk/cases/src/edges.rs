//! The edges of the workflow: which move leads where, and what it needs.

use crate::offence::Catalogue;
use crate::workflow::{
    BULK_UNDO_SECS, Case, CaseEvent, CaseState as S, DISMISSED_GRACE_SECS, Disposal, EMERGENCY_APPROVAL_SECS,
    Emergency, LEASE_SECS, Move, Opinion, REVIEW_SECS, UNDO_SECS, Why, missing_for_draft,
};

/// The shortest reason that says something.
pub(crate) const MIN_REASON_CHARS: usize = 5;

type Edge = Result<(), Why>;

/// Changes `case` by `event`, or says why not.
pub(crate) fn apply(case: &mut Case, event: &CaseEvent, actor: &str) -> Edge {
    // A decision can only be taken back as long as nothing followed it.
    let undo = if matches!(event.what, Move::Undo) { case.undo.clone() } else { case.undo.take() };
    match &event.what {
        Move::Cluster { campaign } => {
            from(case, &[S::Flagged])?;
            case.campaign = Some(campaign.clone());
            case.state = S::Clustered;
        }
        Move::Enqueue { queue } => {
            from(case, &[S::Clustered])?;
            case.queue = Some(queue.clone());
            case.state = S::Queued;
        }
        Move::Claim => {
            from(case, &[S::Queued])?;
            case.holder = Some(actor.to_owned());
            case.state = S::Claimed;
        }
        Move::TakeOver { reason } => {
            from(case, &[S::Claimed])?;
            said(reason)?;
            if case.holder.as_deref() == Some(actor) {
                return Err(Why::HeldAlready);
            }
            case.holder = Some(actor.to_owned());
        }
        Move::Release => {
            held(case, actor)?;
            case.holder = None;
            case.state = S::Queued;
        }
        Move::ExpireLease { last_heartbeat } => {
            from(case, &[S::Claimed])?;
            if event.at < last_heartbeat.plus_secs(LEASE_SECS) {
                return Err(Why::LeaseRuns);
            }
            case.holder = None;
            case.state = S::Queued;
        }
        Move::Dismiss { reason } => {
            held(case, actor)?;
            never_suspected(case)?;
            case.first = Some((actor.to_owned(), Opinion::NotRelevant { reason: *reason }));
            decide(case, event, actor, S::Dismissed);
        }
        Move::AskSecondLook { opinion } => {
            held(case, actor)?;
            never_suspected(case)?;
            case.first = Some((actor.to_owned(), opinion.clone()));
            decide(case, event, actor, S::SecondLook);
        }
        Move::Suspect { norms } => suspect(case, event, actor, norms)?,
        Move::SecondOpinion { opinion } => second_opinion(case, actor, opinion)?,
        Move::Adjudicate { opinion } => adjudicate(case, actor, opinion)?,
        Move::Bulk { decision, .. } => {
            if !matches!(**decision, Move::Dismiss { .. } | Move::Suspect { .. }) {
                return Err(Why::NotForMany);
            }
            apply(case, &CaseEvent { what: (**decision).clone(), ..event.clone() }, actor)?;
            if let Some((_, until)) = &mut case.undo {
                *until = event.at.plus_secs(BULK_UNDO_SECS);
            }
        }
        Move::Undo => take_back(case, event, actor, undo)?,
        Move::Danger { note } => {
            said(note)?;
            if case.state == S::Claimed {
                held(case, actor)?;
            } else {
                from(case, &[S::Claimed, S::Suspect, S::Sealed, S::LegalForm])?;
            }
            case.first.get_or_insert((actor.to_owned(), Opinion::Relevant { norms: Vec::new() }));
            case.suspected_by.get_or_insert(actor.to_owned());
            case.holder = None;
            case.state = S::Danger;
        }
        Move::EmergencyNotice { recipient, reason } => {
            from(case, &[S::Danger])?;
            said(reason)?;
            said(recipient)?;
            if case.emergency.is_some() {
                return Err(Why::NoticeSent);
            }
            case.emergency = Some(Emergency {
                by: actor.to_owned(),
                recipient: recipient.clone(),
                approval_due: event.at.plus_secs(EMERGENCY_APPROVAL_SECS),
                approved_by: None,
            });
        }
        Move::ApproveEmergency => approve_emergency(case, actor)?,
        Move::StartCapture => {
            from(case, &[S::Suspect, S::Danger])?;
            if case.state == S::Suspect {
                case.state = S::Capturing;
            }
        }
        Move::CaptureFailed { reason } => {
            from(case, &[S::Capturing, S::Danger])?;
            said(reason)?;
            if case.state == S::Capturing {
                case.state = S::Suspect;
            }
        }
        Move::SealEvidence { seal } => {
            from(case, &[S::Capturing, S::Danger])?;
            if case.seal.is_some() {
                return Err(Why::SealedAlready);
            }
            if seal.manifest_sha256.len() != 64
                || !seal.manifest_sha256.bytes().all(|b| b.is_ascii_hexdigit())
            {
                return Err(Why::BadSeal);
            }
            case.seal = Some(seal.clone());
            if case.state == S::Capturing {
                case.state = S::Sealed;
            }
        }
        Move::OpenForm => {
            from(case, &[S::Sealed, S::Danger])?;
            if case.seal.is_none() {
                return Err(Why::NotSealed);
            }
            case.state = S::LegalForm;
        }
        Move::FillForm { form } => {
            from(case, &[S::LegalForm])?;
            case.norms.clone_from(&form.norms());
            case.form = Some((**form).clone());
        }
        Move::Unmask { reason } => {
            from(case, &[S::Danger, S::LegalForm, S::ReferralDraft, S::Approved, S::Sent, S::Acknowledged])?;
            said(reason)?;
            case.unmasked.push((actor.to_owned(), event.at, reason.clone()));
        }
        other => return referral(case, event, actor, other),
    }
    Ok(())
}

/// The second half of the workflow: form to outcome, restriction, erasure.
fn referral(case: &mut Case, event: &CaseEvent, actor: &str, what: &Move) -> Edge {
    match what {
        Move::NoOffence { reason } => {
            from(case, &[S::Suspect, S::Sealed, S::LegalForm, S::ReferralDraft])?;
            said(reason)?;
            case.no_offence_by = Some(actor.to_owned());
            case.state = S::NoOffence;
        }
        Move::ConfirmNoOffence { disposal } => {
            from(case, &[S::NoOffence])?;
            second_person(actor, &[&case.no_offence_by, &case.suspected_by])?;
            emergency_settled(case)?;
            match disposal {
                Disposal::Restrict { reason } => {
                    said(reason)?;
                    case.resume = Some(S::NoOffence);
                    case.state = S::Restricted;
                }
                Disposal::Erase { certificate_sha256 } => erase(case, certificate_sha256)?,
            }
        }
        Move::SendBack { reason } => {
            from(case, &[S::NoOffence, S::ReferralDraft, S::Approved])?;
            said(reason)?;
            case.no_offence_by = None;
            case.approved_by = None;
            case.drafted_by = None;
            case.state = if case.seal.is_some() { S::LegalForm } else { S::Suspect };
        }
        Move::Draft { addressee } => {
            from(case, &[S::LegalForm])?;
            said(addressee)?;
            let missing = missing_for_draft(case, Catalogue::built_in());
            if !missing.is_empty() {
                return Err(Why::FormIncomplete(missing.join("; ")));
            }
            case.drafted_by = Some(actor.to_owned());
            case.addressee = Some(addressee.clone());
            case.state = S::ReferralDraft;
        }
        Move::Approve => {
            from(case, &[S::ReferralDraft])?;
            second_person(actor, &[&case.drafted_by, &case.suspected_by])?;
            case.approved_by = Some(actor.to_owned());
            case.state = S::Approved;
        }
        Move::Send { channel } => {
            from(case, &[S::Approved])?;
            said(channel)?;
            emergency_settled(case)?;
            if case.seal.is_none() {
                return Err(Why::NotSealed);
            }
            second_person(case.approved_by.as_deref().unwrap_or_default(), &[&case.drafted_by])?;
            case.sent_at = Some(event.at);
            case.state = S::Sent;
        }
        Move::Acknowledge { file_number } => {
            from(case, &[S::Sent])?;
            if file_number.trim().is_empty() {
                return Err(Why::NoFileNumber);
            }
            case.file_number = Some(file_number.clone());
            case.state = S::Acknowledged;
        }
        Move::Ask { .. } | Move::Answer { .. } | Move::Notify { .. } | Move::NoticeAnswered { .. } => {
            crate::correspondence::apply(case, event, actor)?;
        }
        Move::ConfirmRecall { recipient } => {
            from(case, &[S::Recalled])?;
            said(recipient)?;
            case.recall_confirmed.push((recipient.clone(), event.at));
        }
        Move::RecordOutcome { outcome } => {
            from(case, &[S::Sent, S::Acknowledged, S::Outcome])?;
            case.outcome = Some(*outcome);
            case.state = S::Outcome;
        }
        Move::Recall { reason } => {
            from(case, &[S::Sent, S::Acknowledged, S::Outcome])?;
            said(reason)?;
            case.recalled_at = Some(event.at);
            case.state = S::Recalled;
        }
        Move::Restrict { reason } => {
            said(reason)?;
            match case.state {
                S::Erased => return Err(Why::Erased),
                S::Restricted => return Err(Why::RestrictedAlready),
                S::Review => {}
                state => case.resume = Some(state),
            }
            case.state = S::Restricted;
        }
        Move::LiftRestriction { reason } => {
            from(case, &[S::Restricted])?;
            said(reason)?;
            case.state = resumed(case);
        }
        Move::DeadlineReached => {
            if matches!(case.state, S::Erased | S::Restricted | S::Review) {
                return Err(Why::NothingToReview);
            }
            if event.at < case.review_at {
                return Err(Why::ReviewNotDue(case.review_at));
            }
            case.resume = Some(case.state);
            case.state = S::Review;
        }
        Move::Retain { until, reason } => {
            from(case, &[S::Review])?;
            said(reason)?;
            if *until <= event.at || *until > event.at.plus_secs(2 * REVIEW_SECS) {
                return Err(Why::BadReviewDate);
            }
            case.review_at = *until;
            case.state = resumed(case);
        }
        Move::Erase { certificate_sha256 } => match case.state {
            S::Dismissed => {
                if event.at < case.review_at {
                    return Err(Why::GraceRuns(case.review_at));
                }
                erase(case, certificate_sha256)?;
            }
            S::Review => {
                second_person(actor, &[&case.suspected_by])?;
                emergency_settled(case)?;
                erase(case, certificate_sha256)?;
            }
            S::Restricted => return Err(Why::Restricted),
            _ => {
                return Err(Why::NotErasable);
            }
        },
        _ => return Err(Why::NoSuchMove),
    }
    Ok(())
}

pub(crate) fn from(case: &Case, allowed: &[S]) -> Edge {
    if allowed.contains(&case.state) {
        return Ok(());
    }
    Err(Why::StandsElsewhere(allowed.to_vec()))
}

fn held(case: &Case, actor: &str) -> Edge {
    from(case, &[S::Claimed])?;
    match &case.holder {
        Some(holder) if holder == actor => Ok(()),
        Some(holder) => Err(Why::HeldBy(holder.clone())),
        None => Err(Why::NotHeld),
    }
}

pub(crate) fn said(reason: &str) -> Edge {
    if reason.trim().chars().count() < MIN_REASON_CHARS {
        return Err(Why::NoReason);
    }
    Ok(())
}

fn never_suspected(case: &Case) -> Edge {
    match &case.suspected_by {
        None => Ok(()),
        Some(_) => Err(Why::SuspectedBefore),
    }
}

fn second_person(actor: &str, others: &[&Option<String>]) -> Edge {
    if actor.is_empty() {
        return Err(Why::NotApproved);
    }
    if others.iter().any(|other| other.as_deref() == Some(actor)) {
        return Err(Why::SecondPerson);
    }
    Ok(())
}

fn emergency_settled(case: &Case) -> Edge {
    match &case.emergency {
        Some(emergency) if emergency.approved_by.is_none() => Err(Why::EmergencyOpen(emergency.approval_due)),
        _ => Ok(()),
    }
}

fn resumed(case: &mut Case) -> S {
    case.resume.take().unwrap_or(S::Review)
}

fn decide(case: &mut Case, event: &CaseEvent, actor: &str, to: S) {
    case.holder = None;
    case.undo = Some((actor.to_owned(), event.at.plus_secs(UNDO_SECS)));
    if to == S::Dismissed {
        case.review_at = event.at.plus_secs(DISMISSED_GRACE_SECS);
    }
    case.state = to;
}

fn suspect(case: &mut Case, event: &CaseEvent, actor: &str, norms: &[String]) -> Edge {
    if case.state == S::Danger {
        emergency_settled(case)?;
    } else {
        held(case, actor)?;
    }
    known_norms(norms)?;
    case.norms = norms.to_vec();
    case.suspected_by.get_or_insert(actor.to_owned());
    if case.state == S::Danger {
        case.state = if case.seal.is_some() { S::Sealed } else { S::Suspect };
    } else {
        case.first = Some((actor.to_owned(), Opinion::Relevant { norms: norms.to_vec() }));
        decide(case, event, actor, S::Suspect);
    }
    Ok(())
}

fn known_norms(norms: &[String]) -> Edge {
    if norms.is_empty() {
        return Err(Why::NoNorm);
    }
    match norms.iter().find(|norm| Catalogue::built_in().get(norm).is_none()) {
        Some(norm) => Err(Why::UnknownNorm(norm.clone())),
        None => Ok(()),
    }
}

fn second_opinion(case: &mut Case, actor: &str, opinion: &Opinion) -> Edge {
    from(case, &[S::SecondLook])?;
    let Some((first_by, first)) = case.first.clone() else {
        return Err(Why::NoFirstOpinion);
    };
    second_person(actor, &[&Some(first_by.clone())])?;
    if case.second.is_some() {
        return Err(Why::SecondOpinionGiven);
    }
    case.second = Some((actor.to_owned(), opinion.clone()));
    match (first, opinion) {
        (Opinion::NotRelevant { .. } | Opinion::Unsure, Opinion::NotRelevant { .. }) => {
            case.state = S::Dismissed;
        }
        (Opinion::Relevant { .. } | Opinion::Unsure, Opinion::Relevant { norms }) => {
            known_norms(norms)?;
            case.norms.clone_from(norms);
            case.suspected_by = Some(first_by);
            case.state = S::Suspect;
        }
        // They disagree, or the second cannot tell either: it waits for a lead.
        _ => {}
    }
    Ok(())
}

fn adjudicate(case: &mut Case, actor: &str, opinion: &Opinion) -> Edge {
    from(case, &[S::SecondLook])?;
    if case.second.is_none() {
        return Err(Why::NoSecondOpinion);
    }
    match opinion {
        Opinion::Relevant { norms } => {
            known_norms(norms)?;
            case.norms.clone_from(norms);
            case.suspected_by = case.first.as_ref().map(|(by, _)| by.clone()).or(Some(actor.to_owned()));
            case.state = S::Suspect;
        }
        Opinion::NotRelevant { .. } => case.state = S::Dismissed,
        Opinion::Unsure => return Err(Why::LeadMustDecide),
    }
    Ok(())
}

fn take_back(
    case: &mut Case,
    event: &CaseEvent,
    actor: &str,
    undo: Option<(String, streife_domain::Timestamp)>,
) -> Edge {
    from(case, &[S::Dismissed, S::SecondLook, S::Suspect])?;
    let Some((by, until)) = undo else { return Err(Why::NothingToUndo) };
    if by != actor {
        return Err(Why::UndoIsOf(by));
    }
    if event.at > until {
        return Err(Why::UndoOver);
    }
    case.undo = None;
    case.first = None;
    case.suspected_by = None;
    case.norms.clear();
    case.review_at = event.at.plus_secs(REVIEW_SECS);
    case.holder = Some(actor.to_owned());
    case.state = S::Claimed;
    Ok(())
}

fn approve_emergency(case: &mut Case, actor: &str) -> Edge {
    let Some(emergency) = &mut case.emergency else { return Err(Why::NoNoticeSent) };
    if emergency.approved_by.is_some() {
        return Err(Why::ApprovedAlready);
    }
    if emergency.by == actor {
        return Err(Why::SecondPerson);
    }
    if matches!(case.state, S::Erased | S::Restricted) {
        return Err(Why::Closed);
    }
    emergency.approved_by = Some(actor.to_owned());
    Ok(())
}

/// Everything that could tell of content or persons goes; the bare fact and the certificate stay.
fn erase(case: &mut Case, certificate_sha256: &str) -> Edge {
    if certificate_sha256.len() != 64 || !certificate_sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Why::NoCertificate);
    }
    case.certificate_sha256 = Some(certificate_sha256.to_owned());
    case.form = None;
    case.unmasked.clear();
    case.questions.clear();
    case.notices.clear();
    case.resume = None;
    case.holder = None;
    case.state = S::Erased;
    Ok(())
}
