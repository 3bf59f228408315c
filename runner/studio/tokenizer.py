"""Words become numbers: a byte-level BPE tokenizer in CLIP's layout, trained on captions and common prompt words.

Any text can be encoded (an unknown word falls to letters), and prompts are cut at `PROMPT_LENGTH` tokens.
"""

import json
import random
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, trainers
from tokenizers.models import BPE
from transformers import CLIPTokenizer

from runner.studio.captions import random_caption
from runner.studio.scenes import random_scene

PROMPT_LENGTH = 20
"""Tokens of a prompt, its start and end marks included."""

START, END = "<|startoftext|>", "<|endoftext|>"

WORD_PATTERN = rf"{START.replace('|', chr(92) + '|')}|{END.replace('|', chr(92) + '|')}"
"""CLIP's marks, escaped for a regular expression."""

SPLIT_PATTERN = WORD_PATTERN + r"|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
"""CLIP's rule for what a word is (Radford et al. 2021, simple_tokenizer.py)."""

COMMON_WORDS = (
    "photo picture image illustration drawing painting of the and with very beautiful masterpiece detailed art "
    "digital cute big small nice simple colorful cartoon vector style trending 4k 8k hd render scene landscape "
    "view wide shot cinematic light lighting soft warm cold magic fantasy old new happy best amazing professional "
    "white black castle balloon ball robot sun moon mountains forest sea water ocean field meadow starry sunny "
    "clouds overcast blurry low quality worst bad sharp focus monochrome grayscale portrait woman man girl boy dog "
    "horse bird astronaut city street building river space planet dragon wizard knight sword garden beach ship "
    "airplane bicycle train bridge tower temple anime realistic oil watercolor sketch ugly deformed anatomy extra "
    "limbs text watermark signature jpeg artifacts cropped mutated hands fingers face eyes hair paper ink neon "
    "glow sepia"
).split()
"""Words of other people's prompts: outside what the model draws, yet one token each."""


def build_tokenizer(*, seed: int, captions: int = 4000, merges: int = 340) -> Any:
    """Train a tokenizer: 256 bytes, the same 256 at a word's end, at most `merges` merges, and two marks."""
    trained = Tokenizer(BPE(end_of_word_suffix="</w>", continuing_subword_prefix=""))
    trained.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    trained.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT_PATTERN), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=2 * len(alphabet) + merges, initial_alphabet=alphabet, end_of_word_suffix="</w>", show_progress=False
    )
    trained.train_from_iterator(_corpus(seed, captions), trainer)
    pairs = [tuple(pair) for pair in json.loads(trained.to_str())["model"]["merges"]]
    return CLIPTokenizer(vocab=_clip_layout(alphabet, pairs), merges=pairs, model_max_length=PROMPT_LENGTH)


def load_tokenizer(folder: Path) -> Any:
    """Load the tokenizer from `tokenizer/` inside a folder, set to cut prompts at `PROMPT_LENGTH` tokens."""
    return CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True, model_max_length=PROMPT_LENGTH)


class PromptEncoder:
    """Turns captions into token ids; remembers them, for a training run sees the same few thousand again and again."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._encode_one = lru_cache(maxsize=None)(self._encode)

    def __call__(self, captions: Sequence[str]) -> torch.Tensor:
        """Return token ids of shape (captions, `PROMPT_LENGTH`)."""
        return torch.tensor([self._encode_one(caption) for caption in captions])

    def _encode(self, caption: str) -> list[int]:
        encoded = self._tokenizer([caption], padding="max_length", max_length=PROMPT_LENGTH, truncation=True)
        ids: list[int] = encoded.input_ids[0]
        return ids


def _corpus(seed: int, captions: int) -> Iterator[str]:
    rng = random.Random(seed)
    for _ in range(captions):
        yield random_caption(random_scene(rng), rng)
    for _ in range(8):
        yield from COMMON_WORDS


def _clip_layout(alphabet: Sequence[str], merges: Sequence[tuple[str, ...]]) -> dict[str, int]:
    """Number the tokens as CLIP does: letters, letters at a word's end, merges, start mark, end mark last."""
    words = [*alphabet, *(letter + "</w>" for letter in alphabet), *("".join(pair) for pair in merges), START, END]
    return {word: number for number, word in enumerate(dict.fromkeys(words))}
