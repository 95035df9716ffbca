"""The local AWS of an `infra` project: moto, mended and tightened in place, with an image registry.

Reading order: `__main__` starts it, `middleware` is where every request passes, `call` is what a
service handler sees of a request, `services/` holds one file per AWS service.
"""

VERSION = "1"
