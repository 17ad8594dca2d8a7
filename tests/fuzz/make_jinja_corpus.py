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
    "call": "{% macro box() %}[{{ caller(1) }}|{{ varargs }}|{{ kwargs }}]{% endmacro %}"
    "{% call(n) box(2, a=3) %}{{ n }}{% endcall %}",
    "blocks": "{% set a %}x{% raw %}{{ y }}{% endraw %}{% endset %}{% filter upper %}{{ a }}{% endfilter %}"
    "{% with b = 1, c = 2 %}{{ b + c }}{% endwith %}{% generation %}g{% endgeneration %}{# note #}",
    "loops": "{% for i in range(9) if i is odd recursive %}{{ loop.index }}{{ loop.previtem }}{{ loop.nextitem }}"
    "{% if i > 5 %}{% break %}{% else %}{% continue %}{% endif %}{% else %}none{% endfor %}{{ loop }}",
    "filters": "{{ l | sort | map('string') | join(',') }}{{ messages | selectattr('role', 'equalto', 'user') | list }}"
    "{{ messages | groupby('role') }}{{ l | batch(2, 0) | list }}{{ s | replace('a', 'b') | title | center(9) }}",
    "methods": "{{ s.split(' ')[0].upper().strip('A') }}{{ d.items() | list }}{{ d.get('k', 1) }}"
    "{{ '{:>8.2f} {}'.format(n, s) }}{{ '%-5d|%s|%r' % (n, s, l) }}{{ s.find('b') }}{{ 'a-b'.partition('-') }}",
    "numbers": "{{ 7 // 2 ** 3 % 5 - -1 * 1.5e3 / 3 }}{{ 0x1F + 1_000 }}{{ 2.675 | round(2) }}{{ '12' | int + 1 }}"
    "{{ 1 < 2 <= 3 != 4 }}{{ n in l and not n in [1] }}{{ 9223372036854775807 + 1 }}",
    "strings": "{{ 'é\\n\\x41\\u00e9' ~ \"q\" 'r' }}{{ s[::-1] }}{{ s[1:] }}{{ s[-1] }}{{ '<' | e | safe }}"
    "{{ ['\\'', 1.0] }}",
    "refuse": "{% if messages[0].role != 'user' %}{{ raise_exception('roles: ' ~ messages[0].role) }}{% endif %}",
    "time": "{{ strftime_now('%Y-%m-%d %H:%M:%S %j %U %V %a %B %p %%') }}",
    "globals": "{% set c = cycler(1, 2) %}{{ c.next() }}{% set j = joiner() %}{{ j() }}{{ j() }}{{ dict(a=1, **d) }}",
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
