#!/usr/bin/env python3
"""How good is the simulation? Applies small wrong changes to the pipeline, one at a time, and says which ones it catches.

    python3 tests/simulation/mutants.py        needs a clean working tree; restores every file

The scorecard stands in docs/reliability.md.
"""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MUTANTS = [
    (
        "commit before publish",
        "pipeline/runtime/src/score.rs",
        """            if let Err(error) = self.publish(output, stop).await? {""",
        """            if let Err(error) = commit(&mut *subscription, &next_offsets, backoff, stop).await? {
                return Ok(Err(error.into()));
            }
            if let Err(error) = self.publish(output, stop).await? {""",
    ),
    (
        "forget dead letters",
        "pipeline/runtime/src/score_batch.rs",
        "output.dead.push(dead_letter(message, rejected));",
        "let _ = dead_letter(message, rejected);",
    ),
    (
        "commit one too far",
        "pipeline/runtime/src/score.rs",
        "*offset = (*offset).max(message.offset + 1);",
        "*offset = (*offset).max(message.offset + 2);",
    ),
    (
        "redelivery counts as repetition",
        "pipeline/runtime/src/seen.rs",
        "let earlier = slot.offset < offset;",
        "let earlier = slot.offset <= offset;",
    ),
    (
        "commit before write",
        "pipeline/runtime/src/store.rs",
        """        let token = batch.token();
""",
        """        let token = batch.token();
        let early: Vec<(TopicPartition, i64)> = batch.next_offsets().map(|(topic, partition, next)| (TopicPartition { topic: topic.to_owned(), partition }, next)).collect();
        if let Err(error) = commit(subscription, &early, self.backoff, stop).await? { return Ok(Err(error.into())); }
""",
    ),
    ("flagged posts not published", "pipeline/runtime/src/score.rs", "(names::FLAGGED, output.flagged), ", ""),
    (
        "write errors are taken for success",
        "pipeline/runtime/src/store.rs",
        "            self.sink.write(batch, &token)\n",
        "            async { let _ = self.sink.write(batch, &token).await; Ok::<(), StoreError>(()) }\n",
    ),
    (
        "append errors are taken for success",
        "pipeline/runtime/src/score.rs",
        "async move { log.append(topic, records).await.map(|_| ()) }",
        "async move { let _ = log.append(topic, records).await; Ok::<(), LogError>(()) }",
    ),
    (
        "drop the first record of a batch",
        "pipeline/runtime/src/store.rs",
        "for message in messages {\n            let rows",
        "for message in messages.iter().skip(1) {\n            let rows",
    ),
    (
        "duplicates by id alone",
        "pipeline/runtime/src/score_batch.rs",
        "for part in [&event.platform, &event.native_id, &event.text] {",
        "for part in [&event.platform, &event.native_id] {",
    ),
]


def run_simulation():
    command = ["cargo", "test", "--locked", "-q", "-p", "streife-tests", "--test", "simulation"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)


def try_mutant(name, path, before, after):
    file = ROOT / path
    original = file.read_text()
    if original.count(before) != 1:
        return "does not apply"
    file.write_text(original.replace(before, after))
    try:
        result = run_simulation()
    except subprocess.TimeoutExpired:
        return "caught (never ends)"
    finally:
        file.write_text(original)
    if "could not compile" in result.stderr:
        return "does not build"
    return "caught" if result.returncode else "SURVIVED"


def main():
    verdicts = []
    for mutant in MUTANTS:
        verdicts.append(try_mutant(*mutant))
        print(f"{mutant[0]}: {verdicts[-1]}", flush=True)
    caught = sum(verdict.startswith("caught") for verdict in verdicts)
    print(f"{caught} of {len(verdicts)} caught")
    return 0 if caught == len(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
