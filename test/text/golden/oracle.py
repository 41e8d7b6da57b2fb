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


def read_merges(path):
    with open(path, encoding="utf-8") as file:
        return [tuple(line.rstrip("\n").split(" ")) for line in file][1:]


def bpe_subword_nmt(codes):
    """Pieces that subword-nmt 0.3.8 cuts with a file of merges."""
    import codecs

    from subword_nmt.apply_bpe import BPE

    bpe = BPE(codecs.open(codes, encoding="utf-8"))
    write(bpe.segment_tokens(line.split(" ")) for line in lines())


def bpe_tokenizers(codes):
    """The same by Hugging Face tokenizers, its pieces written as subword-nmt writes them."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    merges = read_merges(codes)
    rows = lines()
    pieces = {}
    for row in rows:
        for word in row.split(" "):
            for at, character in enumerate(word):
                pieces.setdefault(character + "</w>" * (at + 1 == len(word)), len(pieces))
    for left, right in merges:
        for piece in (left, right, left + right):
            pieces.setdefault(piece, len(pieces))
    tokenizer = Tokenizer(models.BPE(vocab=pieces, merges=merges, end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "removed")
    write(
        [t[:-4] if t.endswith("</w>") else t + "@@" for t in encoding.tokens] for encoding in tokenizer.encode_batch(rows)
    )


def learn_subword_nmt(merges):
    import io

    from subword_nmt.learn_bpe import learn_bpe

    out = io.StringIO()
    learn_bpe([line + "\n" for line in lines()], out, int(merges))
    write([line] for line in out.getvalue().split("\n")[1:-1])


def learn_plainly(merges):
    """The paper's algorithm word for word: count all pairs anew, take the first of the most frequent, merge."""
    counts = {}
    for line in lines():
        for word in line.split():
            counts[word] = counts.get(word, 0) + 1
    words = [([*word[:-1], word[-1] + "</w>"], count) for word, count in counts.items()]
    learned = []
    for _ in range(int(merges)):
        pairs = {}
        for symbols, count in words:
            for pair in zip(symbols, symbols[1:]):
                pairs[pair] = pairs.get(pair, 0) + count
        # max takes the first of equals, and a dict keeps the order in which pairs were first seen.
        best = max(pairs, key=pairs.get, default=None)
        if best is None or pairs[best] < 2:
            break
        learned.append(best)
        for symbols, _count in words:
            at = 0
            while at + 1 < len(symbols):
                if (symbols[at], symbols[at + 1]) == best:
                    symbols[at : at + 2] = ["".join(best)]
                at += 1
    write(learned)


def moses(language):
    from sacremoses import MosesTokenizer

    tokenizer = MosesTokenizer(lang=language)
    write(tokenizer.tokenize(line, escape=False) for line in lines())


KINDS = {
    "13a": mteval_13a,
    "wordpiece": wordpiece,
    "bpe-subword-nmt": bpe_subword_nmt,
    "bpe-tokenizers": bpe_tokenizers,
    "learn-subword-nmt": learn_subword_nmt,
    "learn-plainly": learn_plainly,
    "moses": moses,
}

if __name__ == "__main__":
    KINDS[sys.argv[1]](*sys.argv[2:])
