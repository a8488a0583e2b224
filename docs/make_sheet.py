"""Writes docs/people.png, a sheet of generated people: python docs/make_sheet.py."""

from pathlib import Path

from ddag.people.generate import sheet

if __name__ == "__main__":
    # 256 colours: the noise of the cameras makes a full-colour PNG three times as large.
    image = sheet(identities=8, images=4, seed=0).quantize(256)
    image.save(Path(__file__).with_name("people.png"), optimize=True)
