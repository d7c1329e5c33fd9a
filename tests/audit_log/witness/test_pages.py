"""The pages about the witness: their commands run, and the example is what a witness answers."""

from __future__ import annotations

from pathlib import Path

from assay.audit_log.notes import VerifierKey
from assay.audit_log.witness.keys import WitnessKeys
from assay.audit_log.witness.state import DATABASE, WitnessState
from assay.audit_log.witness.witness import Witness
from tests.audit_log.in_memory import AT, KEY, ORIGIN, WITNESS, WITNESS_VERIFIER
from tests.audit_log.witness.test_protocol import grown
from tests.docs.pages import ROOT, blocks, run_page
from tests.workspaces import command, make_workspace

_FORMAT = ROOT / "docs" / "formats" / "witness.md"


def test_the_example_is_what_a_witness_answers(tmp_path: Path) -> None:
    parts = {block.what: block.text.encode() for block in blocks(_FORMAT) if block.what}
    WitnessState.begin(tmp_path)
    with WitnessState(tmp_path) as state:
        keys = WitnessKeys(WITNESS_VERIFIER.name, WITNESS)
        logs = {ORIGIN: (VerifierKey(ORIGIN, KEY.public_bytes),)}
        witness = Witness(keys, logs, state)
        assert witness.add_checkpoint(grown(0, 5), AT).status == 200
        answer = witness.add_checkpoint(parts["request"], AT)
        assert (answer.status, answer.body.encode()) == (200, parts["answer"])
        again = witness.add_checkpoint(parts["request"], AT)
        assert (again.status, again.body) == (409, "8\n")


def test_the_page_has_the_schema(tmp_path: Path) -> None:
    [schema] = [block.text for block in blocks(_FORMAT) if block.kind == "sql"]
    WitnessState.begin(tmp_path)
    import apsw

    db = apsw.Connection(str(tmp_path / DATABASE))
    made = [str(sql) for (sql,) in db.execute("SELECT sql FROM sqlite_schema WHERE sql NOT NULL")]
    db.close()
    assert [" ".join(f"{sql};".split()) for sql in made] == [
        " ".join(f"{sql};".split()) for sql in schema.split(";") if sql.strip()
    ]


def test_the_how_to_runs(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    done = command("log", "append", "--settings", workspace.toml, "--action", "look")
    assert done.status == 0, done.err
    page = ROOT / "docs" / "how-to" / "run-a-witness.md"
    assert run_page(page, workspace.folder, tmp_path / "cache") == []
