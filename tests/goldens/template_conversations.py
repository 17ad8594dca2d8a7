"""What the templates are rendered with: the variables of the snippets, and conversations for chat templates."""

from __future__ import annotations

from typing import Any

# The variables of template_snippets.jsonl.
CONTEXT: dict[str, Any] = {
    "s": "Hello, World",
    "u": "Ünïcode 😀 straße ǅ",
    "empty": "",
    "n": 7,
    "neg": -7,
    "f": 2.5,
    "big": 1e20,
    "t": True,
    "none": None,
    "l": [3, 1, 2],
    "words": ["b", "A", "c", "a"],
    "mixed": [1, "a", None, 2.5, True, {"k": [1]}],
    "d": {"b": 1, "a": {"c": [1, 2]}, "items": 5, "Z": "z"},
    "rows": [
        {"name": "x", "v": 2, "g": "A"},
        {"name": "y", "v": 1, "g": "b"},
        {"name": "z", "v": 3, "g": "a"},
        {"v": 0, "g": "B"},
    ],
    "text": "one\ntwo\n\n  three  \n",
    "html": '<a href="x">&\'</a>',
}

Message = dict[str, Any]


def user(content: Any) -> Message:
    return {"role": "user", "content": content}


def assistant(content: Any, **more: Any) -> Message:
    return {"role": "assistant", "content": content, **more}


def system(content: Any) -> Message:
    return {"role": "system", "content": content}


def call(arguments: Any, identity: str = "abcdefghi") -> dict[str, Any]:
    return {"id": identity, "type": "function", "function": {"name": "get_weather", "arguments": arguments}}


def tool(content: Any, identity: str = "abcdefghi") -> Message:
    return {"role": "tool", "content": content, "name": "get_weather", "tool_call_id": identity}


def function(name: str, description: str, properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, **more}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


TOOLS = [
    function(
        "get_weather",
        'Weather <now> & "later"',
        {
            "city": {"type": "string", "description": "The city", "enum": ["Zürich", "Oslo"]},
            "days": {"type": "integer", "default": 3},
            "more": {"type": "object", "properties": {"of": {"type": "array", "items": {"type": "number"}}}},
        },
        required=["city"],
    ),
    function("now", "The time", {}),
]
ARGUMENTS = {"city": "Zürich", "days": 2, "scale": 1.5, "exact": True, "unit": None, "list": [1, "x"]}

CONVERSATIONS: dict[str, list[Message]] = {
    "plain": [user("Hi")],
    "system": [system("You are brief."), user("Hi  \n")],
    "turns": [system("S"), user("a"), assistant("b"), user("c"), assistant("d "), user("e")],
    "turns_no_system": [user("a"), assistant("b"), user("c")],
    "ends_with_assistant": [user("a"), assistant("b")],
    "two_users": [user("a"), user("b")],
    "call_dict": [user("w?"), assistant("", tool_calls=[call(ARGUMENTS)]), tool('{"t": 20}'), user("thanks")],
    "call_text": [user("w?"), assistant(None, tool_calls=[call('{"city": "Z"}')]), tool("20"), assistant("20.")],
    "call_two": [
        system("s"),
        user("w?"),
        assistant("let me", tool_calls=[call({"city": "A"}, "aaaaaaaaa"), call({"city": "B"}, "bbbbbbbbb")]),
        tool("1", "aaaaaaaaa"),
        tool("2", "bbbbbbbbb"),
    ],
    "thinking": [user("a"), assistant("<think>hm\n</think>\n\nanswer"), user("b")],
    "reasoning": [user("a"), assistant("x", reasoning_content="because"), user("b"), assistant("y", thinking="t")],
    "reasoning_call": [user("a"), assistant("", reasoning_content="r", tool_calls=[call({"city": "A"})]), tool("5")],
    "parts": [user([{"type": "text", "text": "look"}, {"type": "image"}, {"type": "text", "text": "!"}])],
    "parts_system": [system([{"type": "text", "text": "s"}]), user([{"type": "text", "text": "q"}]), assistant("a")],
    "tool_parts": [user("q"), assistant("", tool_calls=[call({"city": "A"})]), tool([{"type": "text", "text": "r"}])],
    "empty": [],
    "unicode": [user("héllo 😀 \u202f ß\u0000"), assistant("ÀÉ\t"), user("日本")],
    "system_alone": [system("x")],
    "developer": [{"role": "developer", "content": "dev"}, user("q")],
    "unknown_role": [{"role": "narrator", "content": "q"}],
    "no_content": [{"role": "user"}],
    "null_content": [user(None)],
    "assistant_first": [assistant("x"), user("y")],
}

VARIABLES: list[dict[str, Any]] = [
    {},
    {"tools": None, "enable_thinking": True},
    {"tools": TOOLS},
    {"tools": [], "enable_thinking": False, "thinking": True},
    {"tools": TOOLS, "enable_thinking": False, "reasoning_effort": "high", "tools_in_user_message": False},
    {"documents": [{"title": "T", "text": "x"}], "date_string": "26 Jul 2024", "preserve_thinking": True},
]
