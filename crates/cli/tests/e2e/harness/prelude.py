# Runs the scripts that come in as lines of JSON, one after the other, and answers each with such a line. One
# process for all scripts of a project: loading AWS's models takes longer than most scripts.

import functools
import json
import sys
import traceback

import boto3
from botocore.config import Config


@functools.cache
def client_of(endpoint, region, account, service):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=account,
        aws_secret_access_key="testing",
        config=Config(retries={"max_attempts": 0}),
    )


def pages_of(client, service, operation, key, /, **arguments):
    """All items of a listing, whether boto3 knows its pages or not."""
    one = client(service)
    if one.can_paginate(operation):
        for page in one.get_paginator(operation).paginate(**arguments):
            yield from page.get(key, [])
    else:
        yield from getattr(one, operation)(**arguments).get(key, [])


for line in sys.stdin:
    asked = json.loads(line)
    client = functools.partial(client_of, asked["endpoint"], asked["region"], asked["account"])
    scope = {
        "client": client,
        "pages": functools.partial(pages_of, client),
        "endpoint": asked["endpoint"],
        "given": asked["given"],
        "json": json,
        "result": None,
    }
    try:
        exec(asked["script"], scope)
        answer = {"result": scope["result"]}
    except Exception:
        answer = {"error": traceback.format_exc()}
    print(json.dumps(answer, default=str), flush=True)
