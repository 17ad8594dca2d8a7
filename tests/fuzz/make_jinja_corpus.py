"""Writes corpus/jinja: the seeds of fuzz_jinja, one for each kind of thing that a template does.

python make_jinja_corpus.py
"""

from __future__ import annotations

from pathlib import Path

OUT = Path(__file__).parent / "corpus" / "jinja"
LOOP = "{% for m in messages %}"

SEEDS = {
    "chat": LOOP + "<|{{ m.role }}|>\n{{ m['content'] | default('', true) | trim }}\n{% endfor %}\n"
    "{%- if add_generation_prompt %}<|assistant|>\n{% endif %}",
    "tools": "{% if tools is defined and tools %}{% for t in tools %}{{ t | tojson(indent=2) }}{% endfor %}{% endif %}"
    + LOOP
    + "{% for c in m.tool_calls or [] %}{{ c.function.name }}({% for k, v in c.function.arguments.items() %}"
    "{{ k }}={{ v | tojson }}{% if not loop.last %}, {% endif %}{% endfor %}){% endfor %}{% endfor %}",
    "system": "{%- if messages[0]['role'] == 'system' %}{% set system = messages[0].content %}"
    "{% set rest = messages[1:] %}{% else %}{% set system = none %}{% endif %}{{ system }}{{ rest | length }}",
    "namespace": "{% set ns = namespace(last=0, text='') %}" + LOOP + "{% if m.role == 'user' %}"
    "{% set ns.last = loop.index0 %}{% endif %}{% set ns.text = ns.text ~ m.role %}{% endfor %}{{ ns.last }}{{ ns }}",
    "macro": "{% macro show(x, depth=0) %}{% if x is mapping %}{% for k, v in x | dictsort %}{{ k }}:"
    "{{ show(v, depth + 1) }}{% endfor %}{% elif x is iterable and x is not string %}{% for v in x %}"
    "{{ show(v, depth + 1) }}{% endfor %}{% else %}{{ x }}{% endif %}{% endmacro %}{{ show(messages) }}",
    "defaults": "{% macro box(a, b=a, c=[n]) %}{{ a }}|{{ b }}|{{ c }}{% endmacro %}{{ box(2, c=3) }}{{ box() }}",
    "blocks": "{% set a %}x{% raw %}{{ y }}{% endraw %}{% endset %}{% filter upper %}{{ a }}{% endfilter %}"
    "{% generation %}g{% endgeneration %}{# note #}",
    "loops": "{% for i in range(9) if i is odd %}{{ loop.index }}{{ loop.previtem }}{{ loop.nextitem }}"
    "{% if i > 5 %}{% break %}{% else %}{% continue %}{% endif %}{% else %}none{% endfor %}{{ loop }}",
    "filters": "{{ l | sort | map('string') | join(',') }}{{ messages | selectattr('role', 'equalto', 'user') | list }}"
    "{{ l | min }}{{ l | unique | list }}{{ s | replace('a', 'b') | title | indent(2) }}{{ messages | map('length') }}",
    "methods": "{{ s.split(' ')[0].upper().strip('A') }}{{ d.items() | list }}{{ d.get('k', 1) }}"
    "{{ '{}|{{}}|{a}'.format(n, a=s) }}{{ s.find('b') }}{{ 'a-b'.rsplit('-', 1) }}{{ s.splitlines() }}",
    "numbers": "{{ 7 // 2 ** 3 % 5 - -1 * 1.5e3 / 3 }}{{ 0x1F + 1_000 }}{{ '2.5' | float }}{{ '12' | int + 1 }}"
    "{{ 1 < 2 <= 3 != 4 }}{{ n in l and not n in [1] }}{{ 9223372036854775807 + 1 }}",
    "strings": "{{ 'é\\n\\x41\\u00e9' ~ \"q\" 'r' }}{{ s[::-1] }}{{ s[1:] }}{{ s[-1] }}{{ '<' | e | safe }}"
    "{{ ['\\'', 1.0] }}",
    "refuse": "{% if messages[0].role != 'user' %}{{ raise_exception('roles: ' ~ messages[0].role) }}{% endif %}",
    "time": "{{ strftime_now('%Y-%m-%d %H:%M:%S %j %-d %F %a %B %p %%') }}",
    "globals": "{{ dict(d, a=1) }}{{ dict([(1, 2)]) }}{{ range(5, 1, -2) | list }}{{ namespace(d, b=2).b }}",
    "sandbox": "{{ s.__class__ }}{{ l.append(1) }}",
    "endless": "{% for a in range(99999) %}{% for b in range(99999) %}{{ a ~ b }}{% endfor %}{% endfor %}",
    "grow": "{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    "cycle": "{% set ns = namespace() %}{% set ns.x = [ns] %}{% macro m() %}{{ m }}{% endmacro %}"
    "{% set ns.m = m %}{{ m() }}",
    "variables": '{{ a.b[0] }}{% for k in a %}{{ k }}{% endfor %}\x1e{"a": {"b": [1, "x"]}}',
}


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for name, seed in SEEDS.items():
        (OUT / name).write_bytes(seed.encode())


if __name__ == "__main__":
    main()
