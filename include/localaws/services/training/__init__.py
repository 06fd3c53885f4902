"""Training jobs: one program of an image, run on the data of its channels, its folder `model` packed into S3."""

from localaws.service import Service
from localaws.services.training.operations import OPERATIONS
from localaws.services.training.states import recover

SERVICE = Service(operations=OPERATIONS, recover=recover)
