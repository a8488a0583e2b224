"""The boot file for Huawei's ModelArts: python modelarts.py --data_url=... --train_url=..."""

from ddag.modelarts import run

if __name__ == "__main__":
    run()
