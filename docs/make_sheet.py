"""Writes docs/people.png, a sheet of generated people: python docs/make_sheet.py."""

from pathlib import Path

from ddag.data.synthetic import sheet

if __name__ == "__main__":
    # 256 colours: the noise of the cameras makes a full-colour PNG three times as large.
    picture = sheet(identities=8, pictures=4, seed=0).quantize(256)
    picture.save(Path(__file__).with_name("people.png"), optimize=True)
