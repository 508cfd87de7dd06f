/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/rest.h"

/* Systems Manager's public parameters, which name the current images: "parameters" of the world, name to
 * value. */
void get_parameter(struct call *call)
{
	const char *name = param(call, "Name");
	const json_t *value = jget(setting(call->sim, "parameters"), name);

	if (!json_is_string(value)) {
		rest_fail(call, "ParameterNotFound", NULL, "Parameter %s not found.", name);
		return;
	}
	jset(call->out, "Parameter",
	     json_pack("{s:s,s:s,s:s,s:i,s:s}", "Name", name, "Type", "String", "Value",
		       json_string_value(value), "Version", 1, "DataType", "text"));
}
