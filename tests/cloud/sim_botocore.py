# SPDX-License-Identifier: GPL-2.0-or-later
"""ec2-sim as botocore sees it, for tests: TAP, and the simulator's control. `from sim_botocore import *`, and done() at the end."""
import json, os, urllib.request
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

url, count = os.environ["URL"], 0
session = botocore.session.get_session()

def client(service, **more):
    return session.create_client(service, endpoint_url=url, config=Config(retries={"total_max_attempts": 1}), **more)
def ok(good, name):
    global count
    count += 1
    print(("ok %d - %s" if good else "not ok %d - %s") % (count, name))
def same(got, want, name):
    ok(got == want, name)
    if got != want:
        print("#   got:  %r\n#   want: %r" % (got, want))
def refused(code, name, call, *more, **args):
    try:
        call(*more, **args)
        same("no error", code, name)
    except ClientError as e:
        same(e.response["Error"]["Code"], code, name)
def control(path, body):
    request = urllib.request.Request(url + "/_sim/" + path, json.dumps(body).encode(), method="POST")
    return json.load(urllib.request.urlopen(request))
def advance(seconds):
    control("advance", {"seconds": seconds})
def done():
    print("1..%d" % count)
