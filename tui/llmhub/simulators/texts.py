"""The texts of the simulated models, two voices for every subject."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Subject:
    """Something a person may ask about, and the two answers to it.

    `{topic}` and `{model}` are filled in.
    """

    title: str
    words: frozenset[str]
    brief: str
    thorough: str


SORTING = Subject(
    "sorting",
    frozenset({"sort", "sorting", "merge", "quicksort", "algorithm", "python", "function", "code", "write", "list"}),
    """\
**Merge sort** splits the list in two, sorts each half, and merges them.

```python
def merge_sort(items):
    if len(items) < 2:
        return items
    middle = len(items) // 2
    left, right = merge_sort(items[:middle]), merge_sort(items[middle:])
    merged = []
    while left and right:
        merged.append(left.pop(0) if left[0] <= right[0] else right.pop(0))
    return merged + left + right
```

It needs O(n log n) comparisons and O(n) extra memory. For real work use `sorted`, which is stable and written in C.
""",
    """\
## Merge sort, step by step

The idea behind {topic} fits into one sentence: *a list of one element is sorted, and two sorted lists
are easy to merge.*

1. If the list has fewer than two elements, it is sorted.
2. Otherwise cut it in the middle and sort both halves.
3. Merge: take the smaller of the two heads until both are empty.

```python
from collections.abc import Sequence


def merge_sort(items: Sequence[int]) -> list[int]:
    if len(items) < 2:
        return list(items)
    middle = len(items) // 2
    return merge(merge_sort(items[:middle]), merge_sort(items[middle:]))


def merge(left: list[int], right: list[int]) -> list[int]:
    merged, i, j = [], 0, 0
    while i < len(left) and j < len(right):
        if left[i] <= right[j]:  # "<=" keeps equal elements in order
            merged.append(left[i])
            i += 1
        else:
            merged.append(right[j])
            j += 1
    return merged + left[i:] + right[j:]
```

### How it compares

| algorithm | best | worst | memory | stable |
| --- | ---: | ---: | ---: | :---: |
| merge sort | n log n | n log n | n | yes |
| quicksort | n log n | n² | log n | no |
| insertion sort | n | n² | 1 | yes |
| heapsort | n log n | n log n | 1 | no |

> The usual mistake is `left.pop(0)`: it moves every element that is left, so the merge becomes quadratic.

**Try it:** `merge_sort([5, 2, 9, 1, 5, 6])` gives `[1, 2, 5, 5, 6, 9]`.
""",
)

RUST = Subject(
    "Rust",
    frozenset({"rust", "ownership", "borrow", "borrowing", "lifetime", "lifetimes", "cargo", "memory", "pointer"}),
    """\
In Rust every value has **one owner**. Passing it on moves it; `&` lends it.

```rust
fn length(text: &str) -> usize {
    text.chars().count()
}

fn main() {
    let name = String::from("Ferris 🦀");
    println!("{} has {} characters", name, length(&name));
}
```

Many readers *or* one writer, never both at once. The compiler checks it, so there is nothing to pay at run time.
""",
    """\
# Ownership in Rust

There are three rules, and everything else about {topic} follows from them:

- each value has exactly one **owner**;
- when the owner goes out of scope, the value is dropped;
- at any time there is *either* one mutable reference *or* any number of shared ones.

```rust
#[derive(Debug)]
struct Lane {
    model: String,
    tokens: Vec<u32>,
}

impl Lane {
    /// Takes `&mut self`: nobody else may look while it writes.
    fn push(&mut self, token: u32) -> &mut Self {
        self.tokens.push(token);
        self
    }
}

fn main() {
    let mut lane = Lane { model: "qwen3:8b".into(), tokens: vec![] };
    lane.push(1).push(2);
    let moved = lane; // `lane` is gone from here on
    println!("{moved:?}");
}
```

## What the compiler says when you break one

```text
error[E0382]: borrow of moved value: `lane`
  --> src/main.rs:18:22
   |
17 |     let moved = lane;
   |                 ---- value moved here
```

| you want to | write |
| --- | --- |
| look at it | `&value` |
| change it | `&mut value` |
| give it away | `value` |
| share it between threads | `Arc<Mutex<T>>` |

> Fighting the borrow checker usually means that two parts of a program both believe they own the same thing.
""",
)

DATABASE = Subject(
    "databases",
    frozenset({"sql", "database", "query", "index", "postgres", "sqlite", "join", "table", "tables", "json", "csv"}),
    """\
An index turns a scan into a look-up:

```sql
CREATE INDEX turns_by_day ON turns (day, model);

SELECT model, count(*) AS turns, sum(completion_tokens) AS tokens
FROM turns
WHERE day BETWEEN '2026-11-01' AND '2026-11-30'
GROUP BY model
ORDER BY tokens DESC;
```

Put the column you filter on first. Every index makes writing slower, so keep only those that a query uses.
""",
    """\
## Making a slow query fast

Before changing anything, **ask the planner** what it does with {topic}:

```sql
EXPLAIN ANALYZE
SELECT model, sum(completion_tokens)
FROM turns
WHERE day >= '2026-11-01'
GROUP BY model;
```

If it says `Seq Scan`, it reads the whole table. Then:

1. **Index what you filter on**, the most selective column first.
2. **Read less**: name the columns, never `SELECT *`.
3. **Aggregate early**: a sum per day is a small table.

### The same figures as data

```json
{
  "month": "2026-11",
  "rows": [
    {"model": "qwen3:8b", "turns": 212, "tokens": 148311, "usd": null},
    {"model": "openai/gpt-4o", "turns": 38, "tokens": 20144, "usd": "0.2415"}
  ]
}
```

| plan | rows read | time |
| :-- | --: | --: |
| sequential scan | 1,000,000 | 412 ms |
| index scan | 8,214 | 6.1 ms |
| index-only scan | 8,214 | 2.3 ms |

> Money is `NUMERIC` or an integer of the smallest unit, never a float.
""",
)

LANGUAGES = Subject(
    "languages",
    frozenset(
        {
            "translate",
            "translation",
            "language",
            "languages",
            "german",
            "french",
            "spanish",
            "japanese",
            "chinese",
            "korean",
            "hello",
            "hi",
            "hey",
            "greet",
            "greeting",
            "emoji",
            "word",
        }
    ),
    """\
Hello! 👋 Here it is in a few languages:

- German: **Guten Morgen!** Schön, dass du da bist.
- Français : **Bonjour !** Ça fait plaisir.
- 日本語: **おはようございます。** 今日もよろしくお願いします。
- 中文: **早上好!** 很高兴见到你。
- 한국어: **좋은 아침입니다!**

What shall we do next? 🙂
""",
    """\
## A greeting around the world 🌍

You asked about {topic}. The same sentence, and what to know about it:

| language | sentence | note |
| --- | --- | --- |
| Deutsch | Guten Tag, wie geht es Ihnen? | formal; *dir* among friends |
| Français | Bonjour, comment allez-vous ? | a thin space before the mark |
| Español | ¡Buenos días! ¿Cómo está? | marks on both sides |
| 日本語 | こんにちは、お元気ですか。 | no blanks between words |
| 中文 | 你好,最近怎么样? | full-width punctuation |
| 한국어 | 안녕하세요, 잘 지내세요? | the ending carries the politeness |
| Ελληνικά | Καλημέρα, τι κάνετε; | `;` is the question mark |
| العربية | صباح الخير، كيف حالك؟ | from right to left |

### Pronunciation

1. *Konnichiwa*: every vowel short, the last one an **a**.
2. *Nǐ hǎo*: two third tones, so the first one rises.
3. *Annyeonghaseyo*: five syllables, softly.

> 言葉は橋である。 Words are bridges. 🌉

Emoji count as text as well: 👩‍💻 is four code points, 🇩🇪 is two, and é may be one or two.
""",
)

PLANNING = Subject(
    "planning",
    frozenset(
        {
            "plan",
            "trip",
            "travel",
            "recipe",
            "cook",
            "dinner",
            "weekend",
            "schedule",
            "weather",
            "ideas",
            "garden",
            "email",
            "letter",
            "draft",
        }
    ),
    """\
A plan for {topic}:

1. **Morning**: coffee by the river, then the market before it gets full.
2. **Noon**: soup and bread; keep the afternoon light.
3. **Afternoon**: one museum, not three.
4. **Evening**: cook together. Pasta with lemon, 20 minutes.

- [x] tickets
- [ ] umbrella
- [ ] call ahead for the table
""",
    """\
# Two days, without hurry

For {topic} I would keep one fixed point a day and leave the rest open.

## Day one

- 09:00 **Coffee** and a walk through the old town
- 11:00 Market hall: bread, cheese, tomatoes
  - the stall at the back has the good olives
  - bring cash
- 15:00 The small museum; the big one needs a day of its own
- 19:30 Dinner at home

### Pasta al limone, for four

| what | how much |
| --- | ---: |
| spaghetti | 400 g |
| lemons, untreated | 2 |
| butter | 60 g |
| Parmesan | 80 g |

1. Zest the lemons, then press them.
2. Cook the pasta **one minute less** than the packet says; keep a cup of the water.
3. Melt the butter with zest and juice, add the pasta, a ladle of water, and the cheese off the heat.

> If it looks too wet, it is right: it thickens on the plate.

## Day two

Nothing before ten. Then the lake, and the train at *17:42* from platform 3.

---

Everything fits into one bag 🎒. Rain? Swap the lake for the thermal bath.
""",
)

REASONING = Subject(
    "arithmetic",
    frozenset(
        {
            "math",
            "maths",
            "calculate",
            "compute",
            "sum",
            "equation",
            "prove",
            "proof",
            "number",
            "numbers",
            "plus",
            "times",
            "percent",
            "17",
            "25",
            "42",
            "logic",
            "puzzle",
        }
    ),
    """\
Let us work it out:

- 17 + 25: take 3 from the 25 to make 20.
- 20 + 22 = **42**.

Check backwards: 42 − 25 = 17. ✔
""",
    """\
## Working it out

For {topic} a check is worth as much as the answer, so here are both.

**Claim.** The sum of the first *n* odd numbers is n².

1. For n = 1 it says 1 = 1.
2. Suppose it holds for n. The next odd number is 2n + 1.
3. Then n² + 2n + 1 = (n + 1)², which is the claim for n + 1. ∎

| n | odd numbers | sum |
| --: | :-- | --: |
| 1 | 1 | 1 |
| 2 | 1 + 3 | 4 |
| 3 | 1 + 3 + 5 | 9 |
| 4 | 1 + 3 + 5 + 7 | 16 |
| 10 | 1 + … + 19 | 100 |

And as a program, which is *not* a proof but finds mistakes:

```haskell
claim :: Integer -> Bool
claim n = sum (take (fromIntegral n) [1, 3 ..]) == n * n

main :: IO ()
main = print (all claim [1 .. 1000])
```

> 17 + 25 = 42, by the way: 20 + 22 after moving three.
""",
)

SHELL = Subject(
    "the shell",
    frozenset(
        {
            "shell",
            "bash",
            "terminal",
            "command",
            "linux",
            "git",
            "docker",
            "script",
            "regex",
            "grep",
            "file",
            "files",
            "error",
            "debug",
            "fix",
        }
    ),
    """\
```bash
# the ten largest files below here, with readable sizes
find . -type f -printf '%s %p\\n' | sort -rn | head -10 | numfmt --to=iec --field=1
```

`-printf` saves a process per file. On a Mac use `stat -f '%z %N'` instead.
""",
    """\
## Finding what fills the disk

Three commands answer {topic}, from coarse to fine:

```bash
df -h .                               # which file system is full
du -xh --max-depth=1 . | sort -h      # which folder
find . -xdev -type f -size +100M -print0 | xargs -0 ls -lhS
```

### A script that asks before it deletes

```bash
#!/usr/bin/env bash
set -euo pipefail

limit="${1:-30}"
find "${TMPDIR:-/tmp}" -maxdepth 1 -mtime +"$limit" -print0 |
  while IFS= read -r -d '' path; do
    read -rp "remove ${path}? [y/N] " reply </dev/tty
    [[ $reply == y ]] && rm -rf -- "$path"
  done
```

- `-print0` and `-d ''`: names may hold blanks and line ends.
- `--` ends the options: a file may be called `-rf`.
- `set -euo pipefail` stops at the first mistake.

| sign | means |
| :-: | --- |
| `\\|` | output of one is input of the next |
| `>` | into a file, which is emptied first |
| `2>&1` | errors go where the output goes |

> Never pipe a download into a shell you have not read.
""",
)

POETRY = Subject(
    "poetry",
    frozenset({"poem", "poetry", "haiku", "story", "write", "song", "verse", "joke", "creative", "essay"}),
    """\
*Late*

> The fan spins up, the window dims,
> a question waits at the edge of the light;
> word after word the answer swims
> to the shore of the screen, and the night
> goes on.
""",
    """\
# The Lamp in the Rack

*a short story about {topic}*

Nobody remembered who had put the old machine under the desk. It hummed a little out of tune, and when it thought hard,
the lamp above it flickered, **once for every word**.

> “Will it fit?” asked the girl.
>
> “It always fits,” said the machine, “if you leave something out.”

So they left something out: first the adjectives, then the afternoons, at last the far end of the sky.
What remained was small and bright and ran at *forty tokens a second*.

---

### Haiku, on the same night

古い池 —
蛙が飛び込む
水の音

Old pond;
a frog leaps in:
the sound of water. 🐸

1. First line: five.
2. Second line: seven.
3. Third line: five, and then silence.
""",
)

COMPARE = Subject(
    "choosing a model",
    frozenset(
        {
            "compare",
            "difference",
            "versus",
            "vs",
            "model",
            "models",
            "quantization",
            "quant",
            "llm",
            "local",
            "cloud",
            "fast",
            "better",
            "which",
            "best",
            "cost",
            "price",
            "memory",
            "context",
        }
    ),
    """\
Short answer: **take the largest model that fits with room for your context**, then the quantization.

- `Q4_K_M` is the usual choice: about 4.9 bits a weight.
- `Q8_0` costs 1.7 times the memory and is hard to tell apart.
- A long context costs memory too: it is the KV cache that grows.
""",
    """\
## Local or cloud?

It depends on three things, and {topic} touches all of them.

| | on this machine | in the cloud |
| --- | --- | --- |
| price of a turn | electricity, and a share of the machine | per token |
| first token | at once, when it is loaded | network and queue |
| privacy | nothing leaves | depends on the provider |
| largest model | what fits | what you pay for |

### What takes the memory

1. **Weights**: fixed. 8.2 B parameters at 4.9 bits are 5.0 GB.
2. **KV cache**: grows with the context. For an 8 B model about 144 KiB a token.
3. **Compute buffers**: a few hundred megabytes.

```text
qwen3:8b at 16,384 tokens
weights  ████████████████████░░░░░░░  4.9 GiB
KV cache █████████░░░░░░░░░░░░░░░░░░  2.3 GiB
compute  █░░░░░░░░░░░░░░░░░░░░░░░░░░  0.3 GiB
```

> A model that fits with 200 MB to spare does not fit: the desktop wants some of it back.

- [x] try a small model first
- [x] measure, do not guess
- [ ] buy more memory
""",
)

GENERAL = Subject(
    "a general question",
    frozenset(),
    """\
About {topic}: the short version.

- Start with **what you know** and write it down.
- Change one thing at a time.
- Keep the version that worked.

Tell me more and I can be more precise.
""",
    """\
## {topic}

Good question. There are three parts to it, and they are easier one by one.

### 1. What it is

In plain words: something that looks complicated because *several simple things* happen at once.
Take them apart and each is a page at most.

### 2. How to begin

1. Write down what you have and what you want.
2. Find the **smallest step** between the two.
3. Do it, look, and only then plan the next.

```javascript
const steps = ["look", "change one thing", "look again"];
for (const [index, step] of steps.entries()) {
  console.log(`${index + 1}. ${step}`);
}
```

### 3. What usually goes wrong

| mistake | sign | remedy |
| --- | --- | --- |
| too much at once | nothing is ever finished | halve it |
| no measurement | “it feels faster” | a number |
| no way back | fear of touching it | keep the old version |

> Simple is not the beginning; it is what is left when everything else has been tried. ☕

If you tell me where you are now, I will suggest the first step.
""",
)

SUBJECTS: tuple[Subject, ...] = (
    SORTING,
    RUST,
    DATABASE,
    LANGUAGES,
    PLANNING,
    REASONING,
    SHELL,
    POETRY,
    COMPARE,
)
"""In order of preference where a prompt fits two equally well."""
