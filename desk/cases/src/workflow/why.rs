//! Why the workflow refuses a move. The English here is for ledgers and machines; the desk has its own words for each.

use streife_domain::Timestamp;

use super::CaseState;
use crate::edges::MIN_REASON_CHARS;

crate::listed! {
    /// What is missing, or what stands against it.
    #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
    pub enum Why {
        /// Leases and deadlines.
        #[error("only the machine itself does this")]
        OnlyMachine = "only_machine",
        /// The role.
        #[error("this role has no right to do this")]
        NoRight = "no_right",
        /// The case stands elsewhere.
        #[error("it must stand at {}", named(.0))]
        StandsElsewhere(Vec<CaseState>) = "stands_elsewhere",
        /// Taken over from oneself.
        #[error("you hold it already")]
        HeldAlready = "held_already",
        /// Somebody may still work on it.
        #[error("the lease has not ended yet")]
        LeaseRuns = "lease_runs",
        /// Another person works on it.
        #[error("{0} holds it; take it over with a reason")]
        HeldBy(String) = "held_by",
        /// Nobody works on it.
        #[error("nobody holds it; claim it first")]
        NotHeld = "not_held",
        /// Too short to say anything.
        #[error("a reason of at least {MIN_REASON_CHARS} characters is missing")]
        NoReason = "no_reason",
        /// A suspicion is not dropped by one person.
        #[error("it was marked as a possible offence; ending it needs the second role")]
        SuspectedBefore = "suspected_before",
        /// Nobody approved.
        #[error("a second person has not approved")]
        NotApproved = "not_approved",
        /// The same person twice.
        #[error("this needs a second person")]
        SecondPerson = "second_person",
        /// An emergency notice waits for its approval, due then.
        #[error("the emergency notice lacks its approval, due {0}")]
        EmergencyOpen(Timestamp) = "emergency_open",
        /// Not a decision for many.
        #[error("only a dismissal or a suspicion is decided for many at once")]
        NotForMany = "not_for_many",
        /// One notice is enough.
        #[error("a notice went out already")]
        NoticeSent = "notice_sent",
        /// A seal stays.
        #[error("the evidence is sealed already; a seal is never replaced")]
        SealedAlready = "sealed_already",
        /// No hash.
        #[error("a seal names the SHA-256 of the manifest, 64 hex digits")]
        BadSeal = "bad_seal",
        /// No seal.
        #[error("the evidence is not sealed; secure it first")]
        NotSealed = "not_sealed",
        /// No seal, and the post may vanish.
        #[error("the evidence is not sealed; a notice may make it vanish")]
        NoticeBeforeSeal = "notice_before_seal",
        /// The form has gaps: these.
        #[error("{0}")]
        FormIncomplete(String) = "form_incomplete",
        /// No file number.
        #[error("the recipient's file number is missing")]
        NoFileNumber = "no_file_number",
        /// Nothing is left.
        #[error("it is erased")]
        Erased = "erased",
        /// Restricted twice.
        #[error("it is restricted already")]
        RestrictedAlready = "restricted_already",
        /// Restricted things are not erased.
        #[error("it is restricted; lift the restriction first")]
        Restricted = "restricted",
        /// Nothing to look at.
        #[error("nothing to review")]
        NothingToReview = "nothing_to_review",
        /// Too early; the date.
        #[error("the review date {0} has not come")]
        ReviewNotDue(Timestamp) = "review_not_due",
        /// Too late or too early a next review.
        #[error("the next review lies between now and one year ahead")]
        BadReviewDate = "bad_review_date",
        /// Too early; the date.
        #[error("the grace period ends {0}")]
        GraceRuns(Timestamp) = "grace_runs",
        /// Not at a place where things are erased.
        #[error("only dismissed cases after their grace and cases under review are erased")]
        NotErasable = "not_erasable",
        /// No proof of erasure.
        #[error("the certificate's SHA-256 is missing")]
        NoCertificate = "no_certificate",
        /// An edge that the workflow does not have.
        #[error("this move does not exist here")]
        NoSuchMove = "no_such_move",
        /// No norm.
        #[error("name at least one norm")]
        NoNorm = "no_norm",
        /// Not in the catalogue.
        #[error("the offence catalogue has no norm {0:?}")]
        UnknownNorm(String) = "unknown_norm",
        /// Nobody said anything first.
        #[error("the first opinion is missing")]
        NoFirstOpinion = "no_first_opinion",
        /// Two are enough.
        #[error("there is a second opinion already; a lead decides")]
        SecondOpinionGiven = "second_opinion_given",
        /// Nobody looked a second time.
        #[error("the blind second opinion is missing")]
        NoSecondOpinion = "no_second_opinion",
        /// Unsure decides nothing.
        #[error("a lead decides one way or the other")]
        LeadMustDecide = "lead_must_decide",
        /// Something followed, or nothing was decided.
        #[error("there is nothing to take back")]
        NothingToUndo = "nothing_to_undo",
        /// Another person decided.
        #[error("only {0} can take it back")]
        UndoIsOf(String) = "undo_is_of",
        /// Too late.
        #[error("the time for taking it back is over")]
        UndoOver = "undo_over",
        /// No emergency notice.
        #[error("no notice went out")]
        NoNoticeSent = "no_notice_sent",
        /// Approved twice.
        #[error("it is approved already")]
        ApprovedAlready = "approved_already",
        /// Erased or restricted.
        #[error("the case is closed")]
        Closed = "closed",
        /// No such question.
        #[error("there is no question {0}")]
        NoQuestion(usize) = "no_question",
        /// Answered twice.
        #[error("question {0} is answered")]
        QuestionAnswered(usize) = "question_answered",
        /// No such notice.
        #[error("there is no notice {0}")]
        NoNotice(usize) = "no_notice",
        /// Answered twice.
        #[error("notice {0} is answered")]
        NoticeAnswered(usize) = "notice_answered",
    }
}

fn named(states: &[CaseState]) -> String {
    states.iter().map(|state| state.as_str()).collect::<Vec<_>>().join(" or ")
}
