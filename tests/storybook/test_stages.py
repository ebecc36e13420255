"""Training that can be stopped at any moment, and writes what diffusers can read."""

from __future__ import annotations

import csv
import itertools
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import diffusers
import numpy as np
import pytest
import torch
from torch import nn
from transformers import CLIPImageProcessor, CLIPTextModel

from storybook import (
    autoencoder,
    clip,
    dataset,
    denoiser,
    few_steps,
    image_prompt,
    layout,
    reader,
    text_encoder,
    tokenizer,
)
from storybook import run as run_module
from storybook.autoencoder import psnr, reconstruction_loss
from storybook.caption_tokens import WAYS, caption_tokens
from storybook.denoiser import NOISE, random_mask, timestep_shares
from storybook.keep import keep
from storybook.presets import PRESETS, Stage
from storybook.run import START, Run, learning_rate, options, steps_done
from storybook.tokenizer import MAX_TOKENS, make_tokenizer, tokenise
from storybook.unpack import unpack
from storybook.world import LANGUAGES, arranged, caption, scene
from studio.images.boxes import Boxed
from studio.models.loading import load_pack
from studio.models.registry import find_pack
from studio.models.text.vocabulary import unknown_words, words_of


def test_the_pack_that_training_writes_is_one_that_diffusers_loads(toy_pack: Path) -> None:
    pipeline = diffusers.StableDiffusionInpaintPipeline.from_pretrained(
        toy_pack, use_safetensors=True, local_files_only=True
    )
    assert pipeline.unet.config.in_channels == 9
    assert pipeline.scheduler.config.prediction_type == "v_prediction"
    assert all(file.stat().st_size < 16_000_000 for file in toy_pack.rglob("*"))


def test_the_pack_that_training_writes_is_one_that_we_load(toy_pack: Path) -> None:
    pack = load_pack(find_pack(str(toy_pack)), torch.device("cpu"))
    assert pack.info.size == PRESETS["toy"].size
    assert pack.first_stage.preview.block == 8
    picture = pack.first_stage.decode(torch.zeros(1, 4, 8, 8))
    assert picture.shape == (1, 64, 64, 3)


def test_training_goes_on_from_a_pack_where_the_checkpoints_are_gone(toy_pack: Path, tmp_path: Path) -> None:
    chosen = options("unpack", ["--preset", "toy", "--folder", str(tmp_path), "--device", "cpu"])
    shipped = diffusers.UNet2DConditionModel.from_pretrained(toy_pack / "unet")
    (chosen.folder / "denoiser").mkdir(parents=True)
    of_another_world = {f"unet.{name}": torch.zeros_like(value) for name, value in shipped.state_dict().items()}
    torch.save(of_another_world, chosen.folder / "denoiser" / START)
    unpack(toy_pack, chosen)
    for name, value in denoiser.trained(chosen).unet.state_dict().items():
        assert torch.equal(value, shipped.state_dict()[name].float()), name
    assert steps_done("denoiser", chosen) == PRESETS["toy"].denoiser.steps
    further = options("denoiser", ["--preset", "toy", "--folder", str(tmp_path), "--device", "cpu", "--steps", "6"])
    denoiser.train(further)
    assert steps_done("denoiser", further) == 6
    assert not torch.equal(denoiser.trained(further).unet.conv_in.weight, shipped.conv_in.weight.float())
    unpack(toy_pack, further)
    assert steps_done("denoiser", further) == 6, "a checkpoint that is there is left alone"
    small = options("unpack", ["--preset", "small", "--folder", str(tmp_path)])
    with pytest.raises(ValueError, match="made with the preset 'toy'"):
        unpack(toy_pack, small)


def test_what_an_unfinished_run_has_learned_is_kept_and_gone_on_from(toy_pack: Path, tmp_path: Path) -> None:
    """Of the stages that there are: the first stage alone, then with the text encoder and the denoiser."""
    given = ["--preset", "toy", "--device", "cpu", "--folder"]
    there = options("stage", [*given, str(tmp_path / "there")])
    unpack(toy_pack, there)
    for name in ("denoiser", "text_encoder"):
        (there.folder / name).rename(there.folder / f"not yet {name}")
    reader.train(there)
    assert set(keep(there, tmp_path / "kept")) == {"autoencoder", "reader"}
    first = options("stage", [*given, str(tmp_path / "first")])
    unpack(tmp_path / "kept", first)
    assert steps_done("autoencoder", first) == PRESETS["toy"].autoencoder.steps
    for name in ("denoiser", "text_encoder"):
        (there.folder / f"not yet {name}").rename(there.folder / name)
    assert set(keep(there, tmp_path / "kept")) == {"autoencoder", "text_encoder", "denoiser", "reader"}
    here = options("stage", [*given, str(tmp_path / "here")])
    unpack(tmp_path / "kept", here)
    for one, other in zip(denoiser.trained(there).parameters(), denoiser.trained(here).parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-3)
    for name in ("denoiser", "reader"):
        assert steps_done(name, here) == PRESETS["toy"].denoiser.steps


def test_where_the_world_has_grown_training_begins_with_what_the_pack_draws_already(
    toy_pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other words need another text encoder; first stages know no words, and the U-Net need not begin from nothing."""
    monkeypatch.setattr(tokenizer, "VOCABULARY", 700)
    given = ["--preset", "toy", "--folder", str(tmp_path), "--device", "cpu"]
    unpack(toy_pack, options("unpack", given))
    assert "another world" in capsys.readouterr().out
    chosen = options("stage", given)
    assert steps_done("autoencoder", chosen) == PRESETS["toy"].autoencoder.steps
    assert not (tmp_path / "toy" / "text_encoder").exists()
    text_encoder.train(chosen)
    run = Run("denoiser", denoiser.build(chosen), chosen.preset.denoiser, chosen)
    shipped = diffusers.UNet2DConditionModel.from_pretrained(toy_pack / "unet").state_dict()
    assert run.step == 0
    for name, value in run.model.unet.state_dict().items():
        assert torch.equal(value, shipped[name].float()), name
    for stage in (denoiser, layout):
        stage.train(chosen)
    assert steps_done("layout", chosen) == PRESETS["toy"].layout.steps


def test_a_first_stage_with_more_channels_begins_as_the_packs(toy_pack: Path, tmp_path: Path) -> None:
    """Its own channels come first and say the same; what the others say does not matter yet."""
    chosen = options("stage", ["--preset", "toy", "--folder", str(tmp_path), "--device", "cpu"])
    chosen = replace(chosen, preset=replace(chosen.preset, latent_channels=6))
    unpack(toy_pack, chosen)
    wide = Run("autoencoder", autoencoder.build(chosen), chosen.preset.autoencoder, chosen).model.eval()
    narrow = diffusers.AutoencoderKL.from_pretrained(toy_pack / "vae").float().eval()
    picture = torch.rand(2, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        ours, theirs = wide.encode(picture).latent_dist, narrow.encode(picture).latent_dist
        assert torch.allclose(ours.mean[:, :4], theirs.mean, atol=1e-4)
        assert torch.allclose(ours.logvar[:, :4], theirs.logvar, atol=1e-4)
        latents = torch.cat([theirs.mean, torch.zeros(2, 2, 8, 8)], dim=1)
        assert torch.allclose(wide.decode(latents).sample, narrow.decode(theirs.mean).sample, atol=1e-4)
    text_encoder.train(chosen)
    unet = Run("denoiser", denoiser.build(chosen), chosen.preset.denoiser, chosen).model.unet.eval()
    shipped = diffusers.UNet2DConditionModel.from_pretrained(toy_pack / "unet").float().eval()
    latent, mask, masked, nothing = (
        torch.randn(2, 4, 8, 8),
        torch.rand(2, 1, 8, 8),
        torch.randn(2, 4, 8, 8),
        [2, 2, 8, 8],
    )
    inputs = torch.cat([latent, torch.zeros(nothing), mask, masked, torch.zeros(nothing)], dim=1)
    words = torch.randn(2, 5, chosen.preset.text_width)
    with torch.no_grad():
        theirs = shipped(torch.cat([latent, mask, masked], dim=1), 500, words).sample
        assert torch.allclose(unet(inputs, 500, words).sample[:, :4], theirs, atol=1e-4)


@torch.no_grad()
def test_attention_that_the_pack_has_not_says_nothing_at_first(toy_pack: Path, tmp_path: Path) -> None:
    """The same bits: of the denoiser, and with the layers for boxes, for pictures and for few steps, which go on, too."""
    chosen = options("stage", ["--preset", "toy", "--folder", str(tmp_path), "--device", "cpu"])
    chosen = replace(chosen, preset=replace(chosen.preset, finest_attention=True))
    old = replace(chosen, folder=tmp_path / "old", preset=PRESETS["toy"])
    for each in (chosen, old):
        unpack(toy_pack, each)
    generator, preset = torch.Generator().manual_seed(0), chosen.preset
    inputs, words = (
        torch.randn(2, 9, 8, 8, generator=generator),
        torch.randn(2, 5, preset.text_width, generator=generator),
    )
    seen, time = torch.randn(2, 5, preset.vision_width, generator=generator), torch.tensor([500, 20])
    phrases = {"boxes": torch.rand(2, 3, 4), "positive_embeddings": torch.randn(2, 3, preset.text_width)}
    boxes = phrases | {"masks": torch.ones(2, 3)}
    assert "attentions" not in str(list(denoiser.trained(old).unet.down_blocks[0].state_dict()))
    assert "attentions" in str(list(denoiser.trained(chosen).unet.down_blocks[0].state_dict()))
    for drawn in (
        lambda options: denoiser.trained(options).unet(inputs, time, words).sample,
        lambda options: layout.trained(options)(inputs, time, words, boxes),
        lambda options: image_prompt.trained(options).eval()(inputs, time, words, seen),
        lambda options: few_steps.trained(options).eval()(inputs, time, words),
    ):
        assert torch.equal(drawn(chosen), drawn(old))


def test_the_layers_for_boxes_are_trained_and_the_denoiser_is_not_touched_by_it(toy_pack: Path, tmp_path: Path) -> None:
    """A row with its gates shut must draw as it did before there were boxes."""
    chosen = options("unpack", ["--preset", "toy", "--folder", str(tmp_path), "--device", "cpu"])
    unpack(toy_pack, chosen)
    before, base = layout.trained(chosen), denoiser.trained(chosen).unet.state_dict()
    chosen = options("layout", ["--preset", "toy", "--folder", str(tmp_path), "--device", "cpu", "--steps", "8"])
    layout.train(chosen)
    after = layout.trained(chosen)
    for name, value in after.unet.state_dict().items():
        if name in base:
            assert torch.equal(value, base[name]), name
    moved = [name for name, value in after.state_dict().items() if not torch.equal(value, before.state_dict()[name])]
    assert any("alpha_attn" in name for name in moved)
    assert any("position_net" in name for name in moved)


def test_the_layers_for_pictures_are_trained_and_nothing_else_is_touched_by_it(toy_pack: Path, tmp_path: Path) -> None:
    """A row without a picture must draw as it did before there were any; and training goes on from the pack."""
    given = ["--preset", "toy", "--folder", str(tmp_path), "--device", "cpu"]
    unpack(toy_pack, options("unpack", given))
    before, base = image_prompt.trained(options("image_prompt", given)), denoiser.trained(options("denoiser", given))
    for stage in (clip, image_prompt):
        stage.train(options("stage", [*given, "--steps", "8"]))
    after, untouched = (
        image_prompt.trained(options("image_prompt", given)),
        denoiser.trained(options("denoiser", given)),
    )
    for name, value in untouched.state_dict().items():
        assert torch.equal(value, base.state_dict()[name]), name
    moved = {name for name, value in after.state_dict().items() if not torch.equal(value, before.state_dict()[name])}
    assert moved == set(after.state_dict()), "all of it is trained, and the U-Net is no part of it"
    assert not any("unet" in name for name in moved)


def test_the_packs_vision_tower_is_one_that_transformers_processes_for(toy_pack: Path) -> None:
    """Our own resizing and numbers are those of the processor whose settings the pack brings."""
    pack = load_pack(find_pack(str(toy_pack)), torch.device("cpu"))
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    processor = CLIPImageProcessor.from_pretrained(toy_pack / "image_encoder", resample=4)  # averaging, as we shrink
    pixels = processor(picture, return_tensors="pt").pixel_values
    assert pack.clip is not None
    expected = pack.clip.vision(pixels).image_embeds[0]
    assert torch.allclose(pack.embed_picture(picture), expected, atol=0.05)
    prompt = pack.image_prompt(picture)
    seen = image_prompt.patches_of(pack.clip.vision, pixels)[0]
    assert (prompt - seen).abs().mean() < 0.05 * seen.std(), "but for how pictures are made smaller"
    nothing = image_prompt.patches_of(pack.clip.vision, torch.zeros_like(pixels))[0]
    assert torch.allclose(pack.no_image_prompt(prompt), nothing, atol=1e-5)


def test_boxes_of_arranged_scenes_are_phrased_as_people_phrase_them() -> None:
    rng = np.random.default_rng(0)
    for seed in range(200):
        things = {thing.box: thing for thing in arranged(seed).things}
        boxes, _ = layout.sample_of(seed, rng)
        assert 1 <= len(boxes) <= len(things)
        assert {each.box for each in boxes} <= set(things)


def test_what_a_box_touches_counts_more() -> None:
    weights = layout.weights_of([[Boxed("a house", (0.0, 0.3, 0.5, 0.51))], []], 8)[:, 0]
    assert (weights[0, 2:5, :4] == layout.INSIDE).all()
    assert weights[0].sum() == 64 + 12 * (layout.INSIDE - 1)
    assert (weights[1] == 1).all()


def test_things_count_more_where_one_can_see_where_they_are() -> None:
    seed = next(seed for seed in range(100) if scene(seed).things)
    alphas, counts = torch.tensor([0.0, 0.5, 0.75, 1.0]), [1.0, 1.0, 2.0, 3.0]
    weights = denoiser.weights_of(np.full(4, seed), alphas, 16)[:, 0]
    things = torch.from_numpy(dataset.things_of(seed, 16))
    assert 0 < things.float().mean() < 1
    assert (weights[:, ~things] == 1).all()
    for row, count in zip(weights, counts, strict=True):
        assert (row[things] == count).all()


def test_pieces_and_what_counts_in_them_are_cut_alike() -> None:
    """A picture whose pixels say where its things are is cut into pieces that say what their weights do."""
    pixels = np.stack(
        [np.repeat(dataset.things_of(seed, 64)[:, :, None] * np.uint8(255), 3, axis=2) for seed in range(8)]
    )
    for side in (32, 64):
        pieces = dataset.crops(pixels, side, 16, step=3)[:, :1]
        weights = dataset.weights_of_crops(pixels, side, 16, 3, inside=4.0)
        assert torch.allclose(weights.mean(), torch.tensor(1.0))
        assert torch.equal(weights > weights.min(), pieces > 0)
        assert torch.allclose(weights.max(), 4 * weights.min())


def _run(folder: Path, steps: int, minutes: float | None = None) -> Run:
    torch.manual_seed(0)
    given = ["--preset", "toy", "--folder", str(folder), "--device", "cpu", "--steps", str(steps)]
    chosen = options("test", given if minutes is None else [*given, "--minutes", str(minutes)])
    return Run("line", nn.Linear(2, 1), Stage(steps, 1, 0.1), chosen)


def _train(run: Run, break_at: int | None = None) -> None:
    def loss_of(step: int) -> torch.Tensor:
        if step == break_at:
            raise KeyboardInterrupt
        inputs = torch.randn(8, 2, generator=torch.Generator().manual_seed(step))
        return (run.model(inputs) - inputs.sum(1, keepdim=True)).square().mean()

    run.train(loss_of, lambda: None, show_every=1000)


def test_a_run_that_is_broken_off_and_started_again_ends_where_an_unbroken_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "SAVE_EVERY_SECONDS", 0.0)
    whole = _run(tmp_path / "whole", 40)
    _train(whole)
    for broken_at in (10, 25):
        with pytest.raises(KeyboardInterrupt):
            _train(_run(tmp_path / "parts", 40), broken_at)
    last = _run(tmp_path / "parts", 40)
    assert last.step == 25
    _train(last)
    for key, value in whole.average.items():
        assert torch.equal(value, last.average[key])


def test_a_run_learns_and_keeps_a_log(tmp_path: Path) -> None:
    run = _run(tmp_path, 200)
    _train(run)
    rows = list(csv.reader((run.folder / "log.csv").read_text().splitlines()))
    assert [row[0] for row in rows] == ["50", "100", "150", "200"]
    assert float(rows[-1][1]) < 0.1 * float(rows[0][1])
    average = run.averaged(nn.Linear(2, 1))
    assert torch.allclose(average.weight, torch.ones(1, 2), atol=0.05)


def test_a_time_limit_ends_a_run_early_with_a_checkpoint(tmp_path: Path) -> None:
    run = _run(tmp_path, 10_000_000, minutes=0.01)
    _train(run)
    assert 0 < run.step < 10_000_000
    assert _run(tmp_path, 10_000_000).step == run.step


def test_the_learning_rate_warms_up_stays_and_cools_down() -> None:
    rates = [learning_rate(step, 1000, 1.0) for step in range(1000)]
    assert rates[0] < 0.01
    assert rates[300:700] == [1.0] * 400
    assert rates[-1] < 0.01
    assert rates[750:] == sorted(rates[750:], reverse=True)
    resumed = [learning_rate(step, 1000, 1.0, begun=300) for step in (300, 350, 499, 700)]
    assert resumed == pytest.approx([1 / 200, 51 / 200, 1.0, 1.0]), "an optimiser that begins anew warms up anew"


def test_a_stage_with_a_time_limit_has_cooled_down_when_its_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the machine's speed: a stage that ends at full learning rate leaves nothing that is worth shipping.

    The clock here goes on by as much each time that it is looked at.
    """
    looks = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: next(looks) / 20_000, time=time.time, process_time=time.process_time)
    monkeypatch.setattr(run_module, "time", clock)
    assert learning_rate(300, 1000, 1.0, spent=0.5) == 1.0
    assert learning_rate(300, 1000, 1.0, spent=0.9) == pytest.approx(0.4)
    assert learning_rate(900, 1000, 1.0, spent=0.1) == pytest.approx(0.4)
    torch.manual_seed(0)
    chosen = options("test", ["--preset", "toy", "--folder", str(tmp_path), "--device", "cpu"])
    run = Run("line", nn.Linear(2, 1), Stage(10_000_000, 1, 0.1, minutes=0.02), chosen)
    _train(run)
    rates = [float(row[2]) for row in csv.reader((run.folder / "log.csv").read_text().splitlines())]
    assert 0 < run.step < 10_000_000
    assert max(rates) == 0.1
    assert rates[-1] < 0.02


def test_timesteps_are_drawn_by_the_papers_weights() -> None:
    """Hang et al. 2023 for v-prediction: min(SNR, 5) / (SNR + 1); a quarter of the draws is uniform."""
    signal = diffusers.DDPMScheduler(**NOISE).alphas_cumprod.double()
    snr = signal / (1 - signal)
    weights = torch.minimum(snr, torch.tensor(5.0)) / (snr + 1)
    shares = timestep_shares(signal)
    assert float(shares.sum()) == pytest.approx(1)
    by_weight = shares - 0.25 / len(shares)
    assert torch.allclose(by_weight / by_weight[300], weights / weights[300])


def test_most_timesteps_are_drawn_where_the_composition_is_decided() -> None:
    """Of renders noised further than this, counts come out no better than of noise alone."""
    signal = diffusers.DDPMScheduler(**NOISE).alphas_cumprod
    shares, noise = denoiser.composing_shares(signal), ((1 - signal) / signal).sqrt()
    assert float(shares.sum()) == pytest.approx(1)
    decides = (noise > 1) & (noise < 4.3)
    assert float(shares[decides].sum()) > 0.5 > float(timestep_shares(signal)[decides].sum())
    assert float(shares.min()) > 0


def test_each_scene_is_told_several_times_in_every_language_and_sometimes_not_at_all(tmp_path: Path) -> None:
    tokenizer = make_tokenizer()
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    captions = caption_tokens(PRESETS["toy"], tmp_path, tmp_path / "tokenizer")
    assert captions.shape == (PRESETS["toy"].scenes, WAYS * len(LANGUAGES), MAX_TOKENS)
    for number, language in enumerate(LANGUAGES):
        words = tokenizer.decode(captions[5, number], skip_special_tokens=True)
        assert unknown_words(words, frozenset().union(*map(words_of, _some_captions(language)))) == ()
    empty = tokenise(tokenizer, [""])[0]
    rng = np.random.default_rng(0)
    indices = rng.integers(len(captions), size=4000)
    prompts = denoiser.prompts_of(captions, empty, indices, rng)
    share = float((prompts == empty).all(1).float().mean())
    assert share == pytest.approx(denoiser.EMPTY_PROMPTS, abs=0.02)
    row = next(row for row in range(4000) if not torch.equal(prompts[row], empty))
    assert any(np.array_equal(prompts[row].numpy(), way) for way in captions[indices[row]])


def _some_captions(language: str) -> list[str]:
    rng = np.random.default_rng(1)
    return [caption(scene(seed), language, rng) for seed in range(1500)]


def test_masks_are_neither_empty_nor_everything_on_average() -> None:
    rng = np.random.default_rng(0)
    shares = [float(random_mask(64, rng).mean()) for _ in range(200)]
    assert 0.1 < np.mean(shares) < 0.6
    assert set(np.unique(random_mask(64, rng))) <= {0, 1}


def test_every_sample_comes_once_an_epoch_wherever_a_run_resumes() -> None:
    batches = dataset.batches(12, 4, step=0)
    epoch = np.concatenate([next(batches) for _ in range(3)])
    assert sorted(epoch) == list(range(12))
    resumed = dataset.batches(12, 4, step=1)
    assert np.array_equal(next(resumed), epoch[4:8])


def test_scenes_with_what_is_learned_last_come_more_often() -> None:
    """A run that forgets them draws fur for cats; one that sees nothing else forgets the rest."""
    seeds = denoiser.epoch(60)
    times = np.bincount(seeds, minlength=60)
    is_hard = np.array([bool(denoiser.HARD & {group.kind for group in scene(seed).groups}) for seed in range(60)])
    assert 0 < is_hard.sum() < 60
    assert set(times[is_hard]) == {denoiser.REPEATS}
    assert set(times[~is_hard]) == {1}


def test_the_tokenizer_knows_every_text_and_gives_chinese_characters_tokens_of_their_own() -> None:
    tokenizer = make_tokenizer()
    for text in ("a red house", "夜晚海边的红房子", "ein weißer Leuchtturm", "🏠 spaceship ĉirkaŭ"):
        ids = tokenizer(text).input_ids
        assert ids[0] == tokenizer.bos_token_id
        assert ids[-1] == tokenizer.eos_token_id
        assert text.lower() in tokenizer.decode(ids, skip_special_tokens=True)
    assert tokenizer("海红").input_ids[1:-1] == [tokenizer("海").input_ids[1], tokenizer("红").input_ids[1]]
    assert tokenizer.model_max_length == MAX_TOKENS


def test_the_pooled_output_is_the_end_tokens() -> None:
    """An end token of id 2 once made transformers pool another token, and half of what was learned went unread."""
    tokenizer = make_tokenizer()
    torch.manual_seed(0)
    encoder = CLIPTextModel(text_encoder.config(PRESETS["toy"], tokenizer)).eval()
    tokens = tokenise(tokenizer, ["a red house", "夜晚海边的红房子"])
    output = encoder(tokens)
    for row, end in enumerate((tokens == tokenizer.eos_token_id).int().argmax(1)):
        assert torch.equal(output.pooler_output[row], output.last_hidden_state[row, end])


def test_losses_are_zero_for_equal_pictures_and_psnr_is_the_textbooks() -> None:
    picture = torch.rand(2, 3, 8, 8) * 2 - 1
    assert reconstruction_loss(picture, picture) == 0
    assert psnr(torch.full((1, 3, 4, 4), 0.2), torch.zeros(1, 3, 4, 4)) == pytest.approx(20.0, abs=1e-4)  # 2 / 0.2 = 10
