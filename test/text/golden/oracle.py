"""Makes a golden file of tokenizers from an independent implementation.

    python test/text/golden/oracle.py KIND [ARGUMENT...] < lines > tokens

Reads one text a line (UTF-8, "\\n" ends a line and nothing else does) and writes its tokens, joined by one space, a line.
test/text/children/makeGolden.ts chooses the lines, runs this and keeps the hashes.
"""

import sys


def lines():
    return sys.stdin.buffer.read().decode("utf-8").split("\n")[:-1]


def write(rows):
    sys.stdout.buffer.write("".join(" ".join(row) + "\n" for row in rows).encode("utf-8"))


def mteval_13a():
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

    tokenizer = Tokenizer13a()
    write([tokenizer(line)] for line in lines())


def wordpiece(vocabulary, lower_case):
    """Rows of "id:start:end", spans in code points, without [CLS] and [SEP]."""
    from tokenizers import BertWordPieceTokenizer

    tokenizer = BertWordPieceTokenizer(vocabulary, lowercase=lower_case == "uncased")
    write(
        [f"{i}:{start}:{end}" for i, (start, end) in zip(encoding.ids[1:-1], encoding.offsets[1:-1])]
        for encoding in tokenizer.encode_batch(lines())
    )


KINDS = {
    "13a": mteval_13a,
    "wordpiece": wordpiece,
}

if __name__ == "__main__":
    KINDS[sys.argv[1]](*sys.argv[2:])
