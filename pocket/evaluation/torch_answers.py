"""The model in torch, answering greedily."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor

from pocket.evaluation.answers import FoundLine
from pocket.evaluation.page_reading import read_page
from pocket.gguf_tokenizer import ANSWER, ASK, CAPTION, EOS, FIND, FIRST_LOCATION, SPECIAL_TOKENS
from pocket.model.decoder import causal_mask
from pocket.model.pocket_model import PocketModel
from pocket.training.build_see import encoder_of, tokenizer_of
from pocket.training.records import Box
from pocket.training.see_task import to_input
from pocket.training.sequences import MOST_BOXES, embed_ids, pad_texts, text_ids

CAPTION_TOKENS, ANSWER_TOKENS = 40, 16
CHUNK = 32


class TorchAnswers:
    name = "torch"

    def __init__(self, model: PocketModel, device: torch.device | None = None, blind: bool = False) -> None:
        """With `blind`, every picture is grey: what the texts alone give away."""
        self.device = device or torch.device("cpu")
        self.model, self.blind = model.to(self.device).eval(), blind
        self.encode = encoder_of(model.config)
        self.tokenizer: Tokenizer = tokenizer_of(model.config)

    def _input(self, pictures: Sequence[np.ndarray]) -> Tensor:
        size = self.model.config.image_size
        squashed = [np.asarray(Image.fromarray(p).resize((size, size), Image.Resampling.BILINEAR)) for p in pictures]
        x = to_input(np.stack(squashed), self.device)
        return torch.zeros_like(x) if self.blind else x

    @torch.no_grad()
    def rows(self, pictures: Sequence[np.ndarray]) -> Tensor:
        encoder = self.model.encoder
        return self.model.tokens(encoder.see(encoder.trunk(self._input(pictures))))

    @torch.no_grad()
    def generate(self, rows: Tensor, prompts: list[list[int]], limit: int) -> list[list[int]]:
        """The best token after another for each picture's prompt; all of a batch go on until the last has ended."""
        decoder = self.model.decoder
        said: list[list[int]] = [[] for _ in prompts]
        open_ = set(range(len(prompts)))
        for _ in range(limit):
            ids, _ = pad_texts([p + s for p, s in zip(prompts, said, strict=True)], self.device)
            x = torch.cat([rows, decoder.embed(ids)], 1)
            hidden = decoder.hidden(
                x, torch.arange(x.shape[1], device=self.device)[None], causal_mask(x.shape[1], self.device)
            )
            last = torch.tensor([rows.shape[1] + len(p) + len(s) - 1 for p, s in zip(prompts, said, strict=True)])
            best = decoder.score(hidden[torch.arange(len(prompts)), last.to(self.device)]).argmax(-1).tolist()
            for i in list(open_):
                if best[i] == EOS:
                    open_.discard(i)
                else:
                    said[i].append(best[i])
            if not open_:
                break
        return said

    def _text(self, ids: list[int]) -> str:
        plain = [i for i in ids if i >= len(SPECIAL_TOKENS)]
        return self.tokenizer.decode(plain, skip_special_tokens=False).strip()

    def captions(self, pictures: Sequence[np.ndarray]) -> list[str]:
        out = []
        for first in range(0, len(pictures), CHUNK):
            rows = self.rows(pictures[first : first + CHUNK])
            out += [self._text(ids) for ids in self.generate(rows, [[CAPTION]] * len(rows), CAPTION_TOKENS)]
        return out

    def ask(self, picture: np.ndarray, questions: Sequence[str]) -> list[str]:
        rows = self.rows([picture]).expand(len(questions), -1, -1)
        prompts = [[ASK, *text_ids(self.encode, q), ANSWER] for q in questions]
        return [self._text(ids) for ids in self.generate(rows, prompts, ANSWER_TOKENS)]

    def find(self, picture: np.ndarray, query: str) -> list[Box]:
        prompt = [FIND, *text_ids(self.encode, query), ANSWER]
        said = self.generate(self.rows([picture]), [prompt], 4 * MOST_BOXES + 1)[0]
        bins = self.model.config.location_bins
        places = [i - FIRST_LOCATION for i in said if FIRST_LOCATION <= i < FIRST_LOCATION + bins]
        boxes = []
        for k in range(0, len(places) - 3, 4):
            left, top, right, bottom = places[k : k + 4]
            # A left edge is its bin's beginning, a right edge its bin's end; the middle of either is off by less.
            boxes.append(((left + 0.5) / bins, (top + 0.5) / bins, (right + 0.5) / bins, (bottom + 0.5) / bins))
        return boxes

    @torch.no_grad()
    def picture_vectors(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        parts = [self.model.image_embed(self.rows(pictures[i : i + CHUNK])) for i in range(0, len(pictures), CHUNK)]
        return torch.cat(parts).float().cpu().numpy()

    @torch.no_grad()
    def text_vectors(self, texts: Sequence[str]) -> np.ndarray:
        out = []
        for first in range(0, len(texts), CHUNK):
            ids, valid = pad_texts([embed_ids(self.encode, t) for t in texts[first : first + CHUNK]], self.device)
            out.append(self.model.embed_text(ids, valid).float().cpu().numpy())
        return np.concatenate(out)

    def read(self, picture: np.ndarray) -> list[FoundLine]:
        return read_page(self.model, picture, self.device)
