/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Region, endpoints, partitions and the files: who wins over whom. */
#include "ec2/endpoint.h"
#include "ec2/ids.h"
#include "ec2/when.h"
#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static char config_path[] = "/tmp/ec2-config.XXXXXX";

/* An environment with nothing but what is given, and this config file. */
static void set_world(const char *config, const char *const pairs[][2])
{
	struct err err = ERR_INIT;

	clearenv();
	setenv("AWS_CONFIG_FILE", config_path, 1);
	setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent", 1);
	assert_int_equal(file_replace(config_path, config, strlen(config), 0600, &err), 0);
	for (size_t i = 0; pairs && pairs[i][0]; i++)
		setenv(pairs[i][0], pairs[i][1], 1);
}

static struct aws_config load(const struct ec2_settings *settings)
{
	struct aws_config config;
	struct err err = ERR_INIT;

	if (config_load(settings, &config, &err) < 0)
		fail_msg("%s", err.text);
	return config;
}

static void test_region(void **state)
{
	static const struct {
		const char *flag, *region, *default_region, *file, *want;
	} rows[] = {
		{ "eu-west-1", "eu-west-2", "eu-west-3", "region = eu-north-1", "eu-west-1" },
		{ NULL, "eu-west-2", "eu-west-3", "region = eu-north-1", "eu-west-2" },
		{ NULL, "", "eu-west-3", "region = eu-north-1", "eu-west-3" },
		{ NULL, "", "", "region = eu-north-1", "eu-north-1" },
		{ NULL, "", "", "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup(free) char *file = mem_printf("[default]\n%s\n", rows[i].file);
		const char *env[][2] = { { "AWS_REGION", rows[i].region },
					 { "AWS_DEFAULT_REGION", rows[i].default_region },
					 { NULL, NULL } };
		struct ec2_settings settings = { .region = rows[i].flag };
		struct aws_config config;

		set_world(file, rows[i].region ? env : NULL);
		config = load(&settings);
		if (rows[i].want)
			assert_string_equal(config.region, rows[i].want);
		else
			assert_null(config.region);
		config_done(&config);
	}
}

static void test_bad_values(void **state)
{
	static const struct {
		const char *name, *value, *says;
	} rows[] = {
		{ "AWS_REGION", "eu-west-1/../x", "region" },
		{ "AWS_REGION", "evil.example", "region" },
		{ "AWS_REGION", "-", "region" },
		{ "AWS_MAX_ATTEMPTS", "many", "number" },
		{ "AWS_MAX_ATTEMPTS", "0", "number" },
		{ "AWS_PROFILE", "nobody", "nobody" },
	};
	struct ec2_settings settings = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *env[][2] = { { rows[i].name, rows[i].value }, { NULL, NULL } };
		struct aws_config config;
		struct err err = ERR_INIT;

		set_world("", env);
		assert_int_equal(config_load(&settings, &config, &err), -1);
		assert_non_null(strstr(err.text, rows[i].says));
	}
}

struct endpoint_row {
	const char *region;
	const struct aws_service *service;
	const char *url;
	const char *env[3][2];
};

/* Hosts as in botocore's endpoints.json. */
static const struct endpoint_row hosts[] = {
	{ "us-east-1", &service_ec2, "https://ec2.us-east-1.amazonaws.com/", { { 0 } } },
	{ "eu-central-1", &service_sts, "https://sts.eu-central-1.amazonaws.com/", { { 0 } } },
	{ "eu-west-1",
	  &service_autoscaling,
	  "https://autoscaling.eu-west-1.amazonaws.com/",
	  { { 0 } } },
	{ "cn-north-1", &service_ec2, "https://ec2.cn-north-1.amazonaws.com.cn/", { { 0 } } },
	{ "us-gov-west-1", &service_ec2, "https://ec2.us-gov-west-1.amazonaws.com/", { { 0 } } },
	{ "us-iso-east-1", &service_ec2, "https://ec2.us-iso-east-1.c2s.ic.gov/", { { 0 } } },
	{ "us-isob-east-1", &service_sts, "https://sts.us-isob-east-1.sc2s.sgov.gov/", { { 0 } } },
	{ "eu-isoe-west-1", &service_ec2, "https://ec2.eu-isoe-west-1.cloud.adc-e.uk/", { { 0 } } },
	{ "us-isof-south-1",
	  &service_ec2,
	  "https://ec2.us-isof-south-1.csp.hci.ic.gov/",
	  { { 0 } } },
	{ "eusc-de-east-1", &service_ec2, "https://ec2.eusc-de-east-1.amazonaws.eu/", { { 0 } } },
	{ "us-east-1",
	  &service_ec2,
	  "https://ec2-fips.us-east-1.amazonaws.com/",
	  { { "AWS_USE_FIPS_ENDPOINT", "true" } } },
	{ "us-gov-west-1",
	  &service_ec2,
	  "https://ec2.us-gov-west-1.amazonaws.com/",
	  { { "AWS_USE_FIPS_ENDPOINT", "true" } } },
	{ "fips-us-gov-west-1",
	  &service_ec2,
	  "https://ec2.us-gov-west-1.amazonaws.com/",
	  { { 0 } } },
	{ "us-west-2-fips", &service_sts, "https://sts-fips.us-west-2.amazonaws.com/", { { 0 } } },
	{ "us-east-1",
	  &service_ec2,
	  "https://ec2.us-east-1.api.aws/",
	  { { "AWS_USE_DUALSTACK_ENDPOINT", "TRUE" } } },
	{ "cn-north-1",
	  &service_ec2,
	  "https://ec2.cn-north-1.api.amazonwebservices.com.cn/",
	  { { "AWS_USE_DUALSTACK_ENDPOINT", "true" } } },
	{ "us-east-1",
	  &service_ec2,
	  "https://ec2-fips.us-east-1.api.aws/",
	  { { "AWS_USE_DUALSTACK_ENDPOINT", "true" }, { "AWS_USE_FIPS_ENDPOINT", "true" } } },
	{ "us-east-1",
	  &service_ec2,
	  "http://one:1234/",
	  { { "AWS_ENDPOINT_URL", "http://one:1234" } } },
	{ "us-east-1",
	  &service_ec2,
	  "http://two/ec2",
	  { { "AWS_ENDPOINT_URL", "http://one" },
	    { "AWS_ENDPOINT_URL_EC2", "http://two:80/ec2" } } },
	{ "us-east-1",
	  &service_autoscaling,
	  "https://asg/",
	  { { "AWS_ENDPOINT_URL_AUTO_SCALING", "https://asg:443/" } } },
	{ "us-east-1",
	  &service_ec2,
	  "https://ec2.us-east-1.amazonaws.com/",
	  { { "AWS_ENDPOINT_URL", "http://one" },
	    { "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true" } } },
};

static void test_hosts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		struct ec2_settings settings = { .region = hosts[i].region };
		struct endpoint endpoint = { 0 };
		struct aws_config config;
		struct err err = ERR_INIT;

		set_world("", hosts[i].env);
		config = load(&settings);
		if (endpoint_find(&config, hosts[i].service, &endpoint, &err) < 0)
			fail_msg("%s", err.text);
		assert_string_equal(endpoint.url, hosts[i].url);
		endpoint_done(&endpoint);
		config_done(&config);
	}
}

static void expect_url(const char *flag, const struct aws_service *service, const char *want)
{
	struct ec2_settings settings = { .region = "us-east-1", .endpoint_url = flag };
	struct aws_config config = load(&settings);
	struct endpoint endpoint = { 0 };
	struct err err = ERR_INIT;

	if (endpoint_find(&config, service, &endpoint, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(endpoint.url, want);
	endpoint_done(&endpoint);
	config_done(&config);
}

/* The command line's endpoint, and those of the config file. */
static void test_configured_endpoints(void **state)
{
	static const char file[] = "[default]\nservices = mine\nendpoint_url = http://profile\n"
				   "[services mine]\nec2 =\n  endpoint_url = http://nested:8773/c\n"
				   "sts =\n  other = x\n";
	static const char vpce[] = "https://vpce-1.ec2.us-east-1.vpce.amazonaws.com";

	(void)state;
	set_world(file, NULL);
	expect_url(NULL, &service_ec2, "http://nested:8773/c");
	expect_url(NULL, &service_sts, "http://profile/");
	set_world("", NULL);
	expect_url("http://127.0.0.1:5000", &service_ec2, "http://127.0.0.1:5000/");
	expect_url("http://127.0.0.1:5000", &service_sts, "http://127.0.0.1:5000/");
	/* but not where it would carry a sign-on token, nor to an AWS host for one service */
	expect_url("http://127.0.0.1:5000", &service_sso_portal,
		   "https://portal.sso.us-east-1.amazonaws.com/");
	expect_url(vpce, &service_ec2, "https://vpce-1.ec2.us-east-1.vpce.amazonaws.com/");
	expect_url(vpce, &service_sts, "https://sts.us-east-1.amazonaws.com/");
}

static void test_bad_endpoints(void **state)
{
	static const char *const bad[] = { "ftp://x",
					   "x y",
					   "http://",
					   "http://user:pw@host/",
					   "http://h/?q=1",
					   "http://h\nHost: evil",
					   "file:///etc/passwd",
					   "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct endpoint endpoint = { 0 };
		struct err err = ERR_INIT;

		assert_int_equal(endpoint_parse(bad[i], &endpoint, &err), -1);
		assert_int_equal(err.code, ERR_USAGE);
		assert_null(strchr(err.text, '\n'));
	}
}

static void test_iso_has_no_dual_stack(void **state)
{
	static const char *const env[][2] = { { "AWS_USE_DUALSTACK_ENDPOINT", "true" },
					      { NULL, NULL } };
	struct ec2_settings settings = { .region = "us-iso-east-1" };
	struct endpoint endpoint = { 0 };
	struct aws_config config;
	struct err err = ERR_INIT;

	(void)state;
	set_world("", env);
	config = load(&settings);
	assert_int_equal(endpoint_find(&config, &service_ec2, &endpoint, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	config_done(&config);
}

static void test_times(void **state)
{
	static const struct {
		const char *text;
		int64_t want; /* -1: is none */
	} rows[] = {
		{ "2026-11-22T07:00:00Z", 1795330800 },
		{ "2026-11-22T07:00:00.123Z", 1795330800 },
		{ "2026-11-22T08:00:00+01:00", 1795330800 },
		{ "2026-11-22T01:30:00-0530", 1795330800 },
		{ "2026-11-22T07:00:00", 1795330800 },
		{ "2026-11-22T07:00:00UTC", 1795330800 },
		{ "1970-01-01T00:00:00Z", 0 },
		{ "yesterday", -1 },
		{ "2026-11-22", -1 },
		{ "2026-11-22T07:00:00X", -1 },
		{ "2026-11-22T07:00:00+1", -1 },
		{ "2026-11-22T07:00:00+-1:30", -1 },
		{ "2026-11-22T07:00:00+ 130", -1 },
		{ "2026-11-22T07:00:00-01:3", -1 },
		{ "", -1 },
	};
	char text[21];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t got = 0;

		assert_int_equal(when_parse_iso8601(rows[i].text, &got), rows[i].want < 0 ? -1 : 0);
		if (rows[i].want >= 0)
			assert_int_equal(got, rows[i].want);
	}
	when_iso8601(1795330800, text);
	assert_string_equal(text, "2026-11-22T07:00:00Z");
}

static void test_ids(void **state)
{
	static const struct {
		const char *text;
		int want;
	} rows[] = {
		{ "i-01234567", 0 },
		{ "i-0123456789abcdef0", 0 },
		{ "i-0123456", -1 },
		{ "i-0123456789abcdef01", -1 },
		{ "i-0123456789ABCDEF0", -1 },
		{ "vol-01234567", -1 },
		{ "i-01234567 ", -1 },
		{ "", -1 },
		{ "i-", -1 },
		{ "i-0123456g", -1 },
		{ "\x1b[2Ji-01234567", -1 },
	};
	struct instance_id id;
	struct volume_id volume;
	struct snapshot_id snapshot;
	struct image_id image;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(instance_id_parse(rows[i].text, &id, &err), rows[i].want);
		assert_null(strchr(err.text, '\x1b'));
	}
	assert_int_equal(volume_id_parse("vol-ffffffff", &volume, &err), 0);
	assert_int_equal(snapshot_id_parse("snap-0123456789abcdef0", &snapshot, &err), 0);
	assert_int_equal(image_id_parse("ami-0123456789abcdef0", &image, &err), 0);
	assert_int_equal(image_id_parse("i-01234567", &image, &err), -1);
	assert_non_null(strstr(err.text, "an image"));
}

static int make_file(void **state)
{
	int fd = mkstemp(config_path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(config_path);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_region),	      cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_hosts),	      cmocka_unit_test(test_configured_endpoints),
		cmocka_unit_test(test_bad_endpoints), cmocka_unit_test(test_iso_has_no_dual_stack),
		cmocka_unit_test(test_times),	      cmocka_unit_test(test_ids),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
