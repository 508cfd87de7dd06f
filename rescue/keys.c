/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/inventory.h"

/* An instance starts only while the keys of all its volumes can be used, and nothing tells before it is
 * stopped but the keys themselves. Source: KMS developer guide, "Key states of AWS KMS keys"; EBS user
 * guide, "How EBS encryption works". */

const struct volume_key *keys_find(const struct inventory *inv, const char *arn)
{
	vec_foreach (k, &inv->keys)
		if (arn && str_eq((*k)->arn, arn))
			return *k;
	return NULL;
}

void keys_ask(struct ec2 *ec2, struct inventory *inv)
{
	vec_foreach (v, &inv->volumes) {
		struct volume_key *key;

		if (!v->kms_key || keys_find(inv, v->kms_key))
			continue;
		key = mem_alloc(sizeof(*key));
		key->arn = v->kms_key;
		vec_push(&inv->keys, key);
		kms_describe_key(ec2, key->arn, &key->key, &key->op);
	}
}

void encryption_ask(struct ec2 *ec2, struct inventory *inv)
{
	bool matters = false;

	vec_foreach (p, &inv->patients)
		matters |= via_swaps((*p)->via) && (*p)->root && (*p)->root->encrypted != EC2_TRUE;
	if (matters)
		ec2_get_ebs_encryption_by_default(ec2, &inv->encryption, &inv->encryption_op);
}

void keys_wait(struct ec2 *ec2, struct inventory *inv)
{
	struct err judged_later = ERR_INIT;

	vec_foreach (k, &inv->keys)
		if (ec2_wait(ec2, &(*k)->op, &judged_later) < 0)
			judged_later = ERR_INIT;
	if (ec2_is_begun(&inv->encryption_op))
		(void)!ec2_wait(ec2, &inv->encryption_op, &judged_later);
}

void keys_done(struct volume_keys *keys)
{
	vec_foreach (k, keys) {
		kms_key_done(&(*k)->key);
		free(*k);
	}
	vec_done(keys);
}
