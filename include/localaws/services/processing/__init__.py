"""Processing jobs: any program of an image, with folders brought from S3 and sent back."""

from localaws.service import Service
from localaws.services.processing.operations import OPERATIONS
from localaws.services.processing.states import recover

SERVICE = Service(operations=OPERATIONS, recover=recover)
