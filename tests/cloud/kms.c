/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/rest.h"
#include "tests/cloud/sim.h"

/* Keys and their states: "keys" of the world, ARN to KeyState. A volume whose key is not enabled does not come
 * through an attachment, and an instance that has one does not start. */

#define WAITS_S ((json_int_t)7 * 86400) /* the shortest that a deletion can be made to wait */

bool key_is_usable(struct sim *sim, const char *arn)
{
	return !*arn || js_is(setting(sim, "keys"), arn, "Enabled");
}

/* EBS user guide, "Encryption by default". */
bool encrypts_by_default(struct sim *sim)
{
	return json_is_true(setting(sim, "encryption_by_default"));
}

void get_ebs_encryption_by_default(struct call *call)
{
	jset_b(call->out, "ebsEncryptionByDefault", encrypts_by_default(call->sim));
}

/* By the ARN or by the id at its end. */
static const char *key_find(struct sim *sim, const char *id)
{
	const char *arn;
	json_t *state;

	json_object_foreach (setting(sim, "keys"), arn, state)
		if (str_eq(arn, id) ||
		    (str_ends(arn, id) && arn[strlen(arn) - strlen(id) - 1] == '/'))
			return arn;
	return NULL;
}

void describe_key(struct call *call)
{
	const char *arn = key_find(call->sim, param(call, "KeyId"));
	const char *state = arn ? js(setting(call->sim, "keys"), arn) : "", *slash;
	json_t *out;

	if (!arn) {
		rest_fail(call, "NotFoundException", NULL, "Key '%s' does not exist",
			  param(call, "KeyId"));
		return;
	}
	slash = strrchr(arn, '/');
	out = json_pack("{s:s,s:s,s:s,s:b,s:s,s:s}", "Arn", arn, "KeyId", slash ? slash + 1 : arn,
			"KeyState", state, "Enabled", str_eq(state, "Enabled"), "KeyManager",
			"CUSTOMER", "Origin", "AWS_KMS");
	if (str_eq(state, "PendingDeletion"))
		jset(out, "DeletionDate", json_integer((json_int_t)call->sim->now + WAITS_S));
	jset(call->out, "KeyMetadata", out);
}
