"""Modules that a file imports, wherever in it."""

from __future__ import annotations

import pytest

from amn.golden.base.modules import imports

BLOCKS = {
    "top": "import mine",
    "if": "if a:\n    import mine",
    "elif": "if a:\n    pass\nelif b:\n    import mine",
    "else": "for a in b:\n    pass\nelse:\n    import mine",
    "function": "def f():\n    import mine",
    "async": "async def f():\n    async with a:\n        import mine",
    "class": "class A:\n    class B:\n        import mine",
    "try": "try:\n    import mine\nexcept E:\n    pass",
    "except": "try:\n    pass\nexcept E:\n    import mine",
    "finally": "try:\n    pass\nfinally:\n    import mine",
    "except-star": "try:\n    pass\nexcept* E:\n    import mine",
    "with": "with a:\n    import mine",
    "while": "while a:\n    import mine",
    "match": "match a:\n    case 1:\n        import mine",
    "from": "if a:\n    from mine import b",
    "relative": "if a:\n    from . import mine",
    "plugins": "if a:\n    pytest_plugins = ['mine']",
}


@pytest.mark.parametrize("text", BLOCKS.values(), ids=BLOCKS)
def test_an_import_is_found_in_every_kind_of_block(text: str) -> None:
    assert "sub/mine.py" in set(imports("sub/conftest.py", text))


def test_a_chain_of_conditions_of_any_length_is_read() -> None:
    chain = "if a: pass\n" + "elif a: pass\n" * 150 + "else:\n    import mine\n"
    assert "mine.py" in set(imports("conftest.py", chain))
    assert "mine.py" not in set(imports("conftest.py", chain.replace("mine", "other")))
