"""Drawings become studio-tiny: a complete small Stable Diffusion in the diffusers layout, trained by these modules alone.

    scenes       what a picture shows, and the backdrop; `subjects` draws the thing in front, `scenery` sun, moon,
                 mountains and forest, `brush` the shapes
    captions     a scene becomes words, as people would ask for it
    tokenizer    words become numbers: byte-level BPE in CLIP's layout
    networks     the architectures, their sizes, and the noise schedule
    autoencoder  trains the VAE on drawings, `decoder` another decoder for it; `fitting` is the loop of both
    latents      drawings become latents on disk
    training     trains the UNet and the text encoder; resumes to the bit
    styles       what the LoRAs should look like; `lora` trains one
    packing      checkpoints become the model folder, with its facts
    sheet        prompts become contact sheets for the eye; `card` draws those of the model card
    judge        says what a picture shows and outlines its subject; `marks` are what a model gets for that

Run `python -m runner.studio --help`. Needs the extra `local`.

Nothing here talks to a network, and diffusers and transformers are told so before they are imported.
"""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
