/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration and credentials files of AWS. */
#include "ec2/config.h"
#include "tests/fuzz/fuzz.h"

#include <ctype.h>

static void look_up(const struct ini *ini, const struct ini_section *section)
{
	if (ini_section(ini, section->name) != section)
		fuzz_broken("the section \"%s\" is there twice", section->name);
	vec_foreach (pair, &section->pairs) {
		if (ini_value(section, pair->key) != pair->value)
			fuzz_broken("the key \"%s\" is there twice", pair->key);
		for (const char *p = pair->key; *p; p++)
			if (isupper((unsigned char)*p))
				fuzz_broken("the key \"%s\" is not in lower case", pair->key);
		free(ini_nested(pair->value, "endpoint_url"));
		free(ini_nested(pair->value, ""));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct aws_config config = { 0 };

	ini_parse((const char *)data, size, &config.config);
	ini_parse((const char *)data, size, &config.credentials);
	vec_foreach (section, &config.config.sections) {
		look_up(&config.config, section);
		(void)config_has_profile(&config, section->name);
		(void)config_profile(&config, section->name);
		(void)config_section(&config, "sso-session", section->name);
		(void)config_value(&config, section->name, "aws_access_key_id");
	}
	config_done(&config);
	return 0;
}
