import functools
import json
import os

import boto3
from botocore.config import Config


@functools.cache
def client(service, **more):
    return boto3.client(
        service,
        endpoint_url=os.environ["ENDPOINT"],
        region_name=os.environ["REGION"],
        aws_access_key_id=os.environ["ACCOUNT"],
        aws_secret_access_key="testing",
        config=Config(retries={"max_attempts": 0}),
        **more,
    )


def pages(service, operation, key, /, **arguments):
    """All items of a listing, whether boto3 knows its pages or not."""
    one = client(service)
    if one.can_paginate(operation):
        for page in one.get_paginator(operation).paginate(**arguments):
            yield from page.get(key, [])
    else:
        yield from getattr(one, operation)(**arguments).get(key, [])


given = json.loads(os.environ["GIVEN"])
result = None
