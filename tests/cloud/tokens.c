/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/hash.h"
#include "tests/cloud/volume.h"

#include <stdlib.h>

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct field *)a)->name, ((const struct field *)b)->name);
}

/* What was asked, apart from the token itself. */
static char *request_digest(struct call *call)
{
	cleanup(str_done) struct str text = STR_INIT, hex = STR_INIT;
	struct sha256 digest;

	qsort(call->params.items, call->params.count, sizeof(*call->params.items), by_name);
	vec_foreach (f, &call->params)
		if (!str_eq(f->name, "ClientToken") && !str_eq(f->name, "DryRun"))
			str_addf(&text, "%s=%s\n", f->name, f->value);
	digest = sha256_of(text.s, text.len);
	str_add_hex(&hex, digest.b, sizeof(digest.b));
	return str_take(&hex);
}

static char *token_id(struct call *call)
{
	return mem_printf("token:%s:%s", call->name, param(call, "ClientToken"));
}

int token_find(struct call *call, json_t **ret_ids)
{
	cleanup(free) char *id = token_id(call), *digest = NULL;
	struct res *res;

	if (strlen(param(call, "ClientToken")) > 64) {
		call_fail(call, "InvalidClientToken",
			  "The client token is longer than 64 characters");
		return -1;
	}
	if (!*param(call, "ClientToken") || !(res = world_get(call->sim, id)))
		return 0;
	digest = request_digest(call);
	if (!js_is(res->truth, "digest", digest)) {
		call_fail(call, "IdempotentParameterMismatch",
			  "Arguments on this idempotent request are inconsistent with arguments "
			  "used in "
			  "previous request(s).");
		return -1;
	}
	*ret_ids = jget(res->truth, "ids");
	return 1;
}

void token_keep(struct call *call)
{
	cleanup(free) char *id = token_id(call), *digest = NULL;

	if (!*param(call, "ClientToken"))
		return;
	digest = request_digest(call);
	world_add(call->sim, &kind_token, id,
		  json_pack("{s:s,s:s,s:O}", "id", id, "digest", digest, "ids", call->new_ids));
}
