"""From the typed command to the thread, on a real queue with forking workers."""

from __future__ import annotations

from tests.jobs.house import House


def test_a_command_opens_a_thread_with_the_findings(house: House) -> None:
    said = house.command("payments-deploy in prod")
    assert "payments-deploy" in said
    assert not house.roots()

    house.work()

    root, *replies = house.thread()
    assert root.text.startswith("⛔ *payments-deploy* is denied")
    assert "payments-build may not decrypt" in root.text
    first, second, checked = replies
    assert "kms:Decrypt" in str(first.blocks)
    assert "UseOfTheKey" in str(first.blocks)
    assert "service control policy" in str(second.blocks)
    assert "41 checks" in checked.text
    assert house.workspace.rejections == []
