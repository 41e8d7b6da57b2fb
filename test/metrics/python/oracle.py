"""BLEU and ROUGE-L by the references' own code. stdin: {name: {hypotheses, references: [[...] an example]}}."""
import json
import sys

import sacrebleu
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer


def coco(hypotheses, references):
    res = {i: [h] for i, h in enumerate(hypotheses)}
    gts = {i: r for i, r in enumerate(references)}
    rouge, rouges = Rouge().compute_score(gts, res)
    return {"bleu": 100 * Bleu(4).compute_score(gts, res, verbose=0)[0][3], "rouge": 100 * rouge,
            "rouges": [round(100 * float(r), 6) for r in rouges]}


def one_space(text):
    return " ".join(text.split())


def score(hypotheses, references):
    out = {"coco": coco([one_space(h) for h in hypotheses], [[one_space(r) for r in rs] for rs in references])}
    streams = list(zip(*references))
    for tokenize in ("13a", "none"):
        metric = sacrebleu.BLEU(tokenize=tokenize)
        result = metric.corpus_score(hypotheses, streams)
        out[tokenize] = {"bleu": result.score, "signature": metric.get_signature().format()}
    words = PTBTokenizer()
    captions = lambda lists: words.tokenize({i: [{"caption": t} for t in ts] for i, ts in enumerate(lists)})
    ours, theirs = captions([[h] for h in hypotheses]), captions(references)
    out["ptb"] = coco([ours[i][0] for i in sorted(ours)], [theirs[i] for i in sorted(theirs)])
    out["ptb"]["lines"] = [ours[i][0] for i in sorted(ours)]
    return out


json.dump({name: score(**pairs) for name, pairs in json.load(sys.stdin).items()}, sys.stdout)
