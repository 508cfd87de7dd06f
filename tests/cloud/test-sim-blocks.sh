#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The EBS direct APIs of ec2-sim as botocore sees them: real blocks, tokens that age, checksums, errors with a reason.
. tests/system/tap.sh
. tests/cloud/sim.sh

python3 -c 'import botocore' 2>/dev/null || { skip "no botocore" "the blocks of a snapshot"; done_testing; }
export AWS_CONFIG_FILE=$T/none AWS_SHARED_CREDENTIALS_FILE=$T/none AWS_MAX_ATTEMPTS=1
truncate -s 1G "$T/disk"
python3 - "$T/disk" <<'PY'
import sys
with open(sys.argv[1], "r+b") as disk:
    for index in [0, 3] + list(range(200, 450)) + [2047]:
        disk.seek(index * 524288 + 4096 * (index % 100))
        disk.write(b"block %d" % index)
PY
sim_start <<JSON
{"credentials": [{"access_key_id": "AKIATEST", "secret_access_key": "secret"},
                 {"access_key_id": "AKIALIST", "secret_access_key": "few", "policy": ["ebs:ListSnapshotBlocks"]}],
 "snapshots": [{"id": "snap-0aaaaaaaaaaaaaaa1", "file": "$T/disk", "size": 1},
               {"id": "snap-0aaaaaaaaaaaaaaa2", "size": 1, "state": "pending"}]}
JSON
URL=$URL DISK=$T/disk PYTHONPATH=tests/cloud python3 - <<'PY'
import base64, hashlib
from sim_botocore import *

def of(key="AKIATEST", secret="secret"):
    return client("ebs", region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=secret)
ebs, SNAP = of(), "snap-0aaaaaaaaaaaaaaa1"

def refused(code, reason, name, call, *more, **args):
    try:
        call(*more, **args)
        same("no error", code, name)
    except ClientError as e:
        same((e.response["Error"]["Code"], e.response.get("Reason")), (code, reason), name)
def pages(**args):
    got = [ebs.list_snapshot_blocks(SnapshotId=SNAP, **args)]
    while got[-1].get("NextToken"):
        got.append(ebs.list_snapshot_blocks(SnapshotId=SNAP, NextToken=got[-1]["NextToken"]))
    return got

listed = pages(MaxResults=100)
blocks = {b["BlockIndex"]: b["BlockToken"] for page in listed for b in page["Blocks"]}
same(sorted(blocks), [0, 3] + list(range(200, 450)) + [2047], "the blocks that hold data, and no others")
same([len(page["Blocks"]) for page in listed], [100, 100, 53], "in pages")
same((listed[0]["BlockSize"], listed[0]["VolumeSize"]), (524288, 1), "sizes")
for index in 0, 3, 321, 2047:
    reply = ebs.get_snapshot_block(SnapshotId=SNAP, BlockIndex=index, BlockToken=blocks[index])
    data = reply["BlockData"].read()
    with open(os.environ["DISK"], "rb") as disk:
        disk.seek(index * 524288)
        same(data, disk.read(524288), "the bytes of block %d" % index)
    same((reply["Checksum"], reply["ChecksumAlgorithm"], reply["DataLength"]),
         (base64.b64encode(hashlib.sha256(data).digest()).decode(), "SHA256", 524288), "and their checksum")
get = ebs.get_snapshot_block
refused("ValidationException", "INVALID_BLOCK_TOKEN", "another block's token", get, SnapshotId=SNAP, BlockIndex=3, BlockToken=blocks[0])
refused("ValidationException", "INVALID_BLOCK_TOKEN", "a token made up", get, SnapshotId=SNAP, BlockIndex=3, BlockToken="AAAA")
refused("ValidationException", "INVALID_PAGE_TOKEN", "a page token made up", ebs.list_snapshot_blocks, SnapshotId=SNAP, NextToken="AAAA")
refused("ResourceNotFoundException", "SNAPSHOT_NOT_FOUND", "no such snapshot", ebs.list_snapshot_blocks, SnapshotId="snap-0aaaaaaaaaaaaaaa9")
refused("ValidationException", "INVALID_SNAPSHOT_ID", "not completed yet", ebs.list_snapshot_blocks, SnapshotId="snap-0aaaaaaaaaaaaaaa2")
page = ebs.list_snapshot_blocks(SnapshotId=SNAP)["NextToken"]
refused("ValidationException", "INVALID_BLOCK_TOKEN", "a token of an older list", get, SnapshotId=SNAP, BlockIndex=3, BlockToken=blocks[3])
control("advance", {"seconds": 3700})
refused("ValidationException", "INVALID_PAGE_TOKEN", "a page token after an hour", ebs.list_snapshot_blocks, SnapshotId=SNAP, NextToken=page)
token = ebs.list_snapshot_blocks(SnapshotId=SNAP)["Blocks"][1]["BlockToken"]
control("advance", {"seconds": 8 * 86400})
refused("ValidationException", "INVALID_BLOCK_TOKEN", "a block token after a week", get, SnapshotId=SNAP, BlockIndex=3, BlockToken=token)
few = of("AKIALIST", "few")
token = few.list_snapshot_blocks(SnapshotId=SNAP)["Blocks"][0]["BlockToken"]
refused("AccessDeniedException", None, "not permitted", few.get_snapshot_block, SnapshotId=SNAP, BlockIndex=0, BlockToken=token)
refused("InvalidSignatureException", None, "a wrong secret", of(secret="wrong").list_snapshot_blocks, SnapshotId=SNAP)
refused("UnrecognizedClientException", None, "a wrong key", of(key="AKIANONE").list_snapshot_blocks, SnapshotId=SNAP)
control("throttle", {"enabled": True, "buckets": {"ListSnapshotBlocks": [1, 0.001]}})
ebs.list_snapshot_blocks(SnapshotId=SNAP)
refused("RequestThrottledException", "ACCOUNT_THROTTLED", "throttled", ebs.list_snapshot_blocks, SnapshotId=SNAP)
control("throttle", {"enabled": False})
control("faults", {"action": "ListSnapshotBlocks", "kind": "http5xx", "code": "InternalServerException", "status": 500})
refused("InternalServerException", None, "a server's failure", ebs.list_snapshot_blocks, SnapshotId=SNAP)

# writing: a child of it with two blocks changed
def digest(data): return hashlib.sha256(data).digest()
def b64(data): return base64.b64encode(data).decode()
def put(snap, index, data, **more):
    return ebs.put_snapshot_block(SnapshotId=snap, BlockIndex=index, BlockData=data, DataLength=more.get("length", len(data)),
                                  Checksum=more.get("sum", b64(digest(data))), ChecksumAlgorithm="SHA256")
def complete(snap, count, sums=None):
    more = dict(Checksum=b64(digest(b"".join(sums))), ChecksumAlgorithm="SHA256", ChecksumAggregationMethod="LINEAR") if sums else {}
    return ebs.complete_snapshot(SnapshotId=snap, ChangedBlocksCount=count, **more)
start = dict(VolumeSize=1, ParentSnapshotId=SNAP, Description="mended", ClientToken="run-1", Tags=[{"Key": "ec2-rescue", "Value": "run-1"}])
child = ebs.start_snapshot(**start)
same((child["Status"], child["BlockSize"], child["ParentSnapshotId"], child["Tags"]), ("pending", 524288, SNAP, start["Tags"]), "StartSnapshot")
same(ebs.start_snapshot(**start)["SnapshotId"], child["SnapshotId"], "the same token again: the same snapshot")
child = child["SnapshotId"]
new, other = b"n" * 524288, bytes(range(256)) * 2048
same(put(child, 9, other)["Checksum"], b64(digest(other)), "PutSnapshotBlock")
put(child, 3, b"x" * 524288)
put(child, 3, new)
refused("ValidationException", "INVALID_BLOCK", "a wrong checksum", put, child, 3, new, sum=b64(digest(b"")))
refused("ValidationException", "INVALID_BLOCK", "half a block", put, child, 3, b"short")
refused("ValidationException", "INVALID_BLOCK", "a block behind the end", put, child, 2048, new)
refused("ValidationException", "INVALID_SNAPSHOT_ID", "a snapshot that is not being written", put, SNAP, 3, new)
refused("ValidationException", "INVALID_SNAPSHOT_ID", "reading before it is complete", ebs.list_snapshot_blocks, SnapshotId=child)
refused("ValidationException", "INVALID_PARAMETER_VALUE", "a wrong number of blocks", complete, child, 3)
refused("ValidationException", "INVALID_PARAMETER_VALUE", "a wrong sum of sums", complete, child, 2, [digest(other), digest(new)])
same(complete(child, 2, [digest(new), digest(other)])["Status"], "pending", "CompleteSnapshot")
refused("ValidationException", "INVALID_SNAPSHOT_ID", "writing after that", put, child, 3, new)
control("advance", {"seconds": 7200})
ec2 = client("ec2")
shown = ec2.describe_snapshots(SnapshotIds=[child])["Snapshots"][0]
same((shown["State"], shown["VolumeSize"], shown["Description"], shown["Tags"]), ("completed", 1, "mended", start["Tags"]), "as DescribeSnapshots shows it")
blocks = {b["BlockIndex"]: b["BlockToken"] for b in ebs.list_snapshot_blocks(SnapshotId=child, MaxResults=10000)["Blocks"]}
same(sorted(blocks), sorted([0, 3, 9] + list(range(200, 450)) + [2047]), "the parent's blocks and those that were put")
read = lambda index: ebs.get_snapshot_block(SnapshotId=child, BlockIndex=index, BlockToken=blocks[index])["BlockData"].read()
with open(os.environ["DISK"], "rb") as disk:
    old = disk.read(524288)
same((read(3) == new, read(9) == other, read(0) == old), (True, True, True), "hold what they should")
refused("ValidationException", "INVALID_VOLUME_SIZE", "too large", ebs.start_snapshot, VolumeSize=70000)
refused("ResourceNotFoundException", "SNAPSHOT_NOT_FOUND", "no such parent", ebs.start_snapshot, VolumeSize=1, ParentSnapshotId="snap-0aaaaaaaaaaaaaaa9")
left = ebs.start_snapshot(VolumeSize=1, Timeout=10)["SnapshotId"]
put(left, 0, new)
control("advance", {"seconds": 590}); put(left, 1, new)
control("advance", {"seconds": 590}); put(left, 2, new)
control("advance", {"seconds": 610})
refused("ValidationException", "INVALID_SNAPSHOT_ID", "one that nobody wrote to for its time-out", put, left, 3, new)
same(ec2.describe_snapshots(SnapshotIds=[left])["Snapshots"][0]["State"], "error", "and it is in error")
done()
PY
