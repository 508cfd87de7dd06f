/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client against the embedded cloud: real HTTP, signatures verified, EC2's states. */
#include "ec2/calls.h"
#include "ec2/engine.h"
#include "ec2/watch.h"
#include "base/file.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#define PATIENT	 "i-0aaaaaaaaaaaaaaa1"
#define HELPER	 "i-0aaaaaaaaaaaaaaa2"
#define ROOT	 "vol-0aaaaaaaaaaaaaaa1"
#define SNAPSHOT "snap-0aaaaaaaaaaaaaaa1"

static const char world[] =
	"{\"region\": \"eu-central-1\", \"latencies\": {"
	" \"stopping\": 1, \"start_pending\": 1, \"attaching\": 1, \"detaching\": 1,"
	" \"attaching_stopped\": 1, \"detaching_stopped\": 1, \"snapshot\": 5},"
	"\"throttle\": {\"enabled\": false},"
	"\"credentials\": ["
	" {\"access_key_id\": \"AKIDALL\", \"secret_access_key\": \"open sesame\"},"
	" {\"access_key_id\": \"ASIATOKEN\", \"secret_access_key\": \"two\", \"session_token\": "
	"\"to/ken+=\"},"
	" {\"access_key_id\": \"AKIDFEW\", \"secret_access_key\": \"three\","
	"  \"policy\": [\"ec2:Describe*\", \"!ec2:DescribeInstanceStatus\"]}],"
	"\"roles\": [{\"arn\": \"arn:aws:iam::123456789012:role/ops\", \"external_id\": \"x y\"},"
	" {\"arn\": \"arn:aws:iam::123456789012:role/pod\", \"web_identity_token\": \"eyJ.x.y\"}],"
	"\"imds\": {\"instance\": \"" HELPER "\", \"role\": \"helper-role\"},"
	"\"auto_scaling_groups\": [{\"name\": \"web\"}],"
	"\"snapshots\": [{\"id\": \"" SNAPSHOT "\", \"size\": 1}],"
	"\"instances\": [{\"id\": \"" PATIENT
	"\", \"asg\": \"web\", \"console\": \"Kernel panic\\n\","
	" \"tags\": {\"Name\": \"patient\"}, \"volumes\": [{\"device\": \"/dev/xvda\","
	"  \"volume_id\": \"" ROOT "\", \"size\": 8, \"delete_on_termination\": true}]},"
	" {\"id\": \"" HELPER "\", \"volumes\": [{\"device\": \"/dev/xvda\", \"size\": 8}]}]}";

static struct fixture {
	char dir[64], url[64];
	pid_t sim;
	struct loop *loop;
	struct ec2 *ec2;
} fx;

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

static void open_client(const char *key, const char *secret, const char *token)
{
	struct ec2_settings settings = { .endpoint_url = fx.url, .region = "eu-central-1" };
	struct err err = ERR_INIT;

	ec2_close(fx.ec2);
	fx.ec2 = NULL;
	setenv("AWS_ACCESS_KEY_ID", key, 1);
	setenv("AWS_SECRET_ACCESS_KEY", secret, 1);
	if (token)
		setenv("AWS_SESSION_TOKEN", token, 1);
	else
		unsetenv("AWS_SESSION_TOKEN");
	if (ec2_open(fx.loop, &settings, &fx.ec2, &err) < 0)
		fail_msg("%s", err.text);
}

static int set_up(void **state)
{
	const char *program = getenv("EC2_SIM");
	char config[96], endpoint[96];
	struct err err = ERR_INIT;
	struct str url = STR_INIT;

	(void)state;
	strcpy(fx.dir, "/tmp/ec2-client-test.XXXXXX");
	if (!mkdtemp(fx.dir) || loop_open(&fx.loop, &err) < 0)
		return -1;
	snprintf(config, sizeof(config), "%s/world.json", fx.dir);
	snprintf(endpoint, sizeof(endpoint), "%s/state/endpoint", fx.dir);
	if (file_replace(config, world, strlen(world), 0600, &err) < 0)
		return -1;
	if (!program)
		return -1;
	fx.sim = fork();
	if (!fx.sim) {
		char state_dir[96];

		snprintf(state_dir, sizeof(state_dir), "%s/state", fx.dir);
		(void)!freopen("/dev/null", "w", stdout);
		execl(program, "ec2-sim", "--state", state_dir, "--config", config, "--speed", "20",
		      (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 500 && !url.len; i++) {
		sleep_ms(10);
		if (file_read(endpoint, 64, &url, &err) < 0)
			err_clear(&err);
	}
	snprintf(fx.url, sizeof(fx.url), "%.*s", (int)strcspn(url.s, "\n"), url.s);
	str_done(&url);
	setenv("AWS_CONFIG_FILE", "/nonexistent", 1);
	setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent", 1);
	setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", fx.url, 1);
	return fx.url[0] ? 0 : -1;
}

static int tear_down(void **state)
{
	cleanup(free) char *remove = mem_printf("rm -rf '%s'", fx.dir);

	(void)state;
	ec2_close(fx.ec2);
	loop_close(fx.loop);
	kill(fx.sim, SIGTERM);
	waitpid(fx.sim, NULL, 0);
	return system(remove);
}

/* The simulator's control address, through our own transport. */
static void on_control(void *arg, struct http_reply *reply)
{
	*(int *)arg = reply->status ? reply->status : -1;
}

static void control(const char *path, const char *body)
{
	cleanup(free) char *url = mem_printf("%s/_sim/%s", fx.url, path);
	struct http_request request = { .method = "POST",
					.url = url,
					.body = body,
					.body_len = strlen(body),
					.connect_timeout_ms = 2000,
					.total_timeout_ms = 5000,
					.max_reply_bytes = 65536 };
	struct transport *transport = fx.ec2->transport;
	struct err err = ERR_INIT;
	int status = 0;

	transport->ops->send(transport, &request, on_control, &status);
	while (!status)
		assert_int_equal(loop_step(fx.loop, 1000, &err), 0);
	assert_int_equal(status / 100, 2);
}

#define id_of(kind, text)                                                \
	({                                                               \
		struct kind##_id id_;                                    \
		struct err why_ = ERR_INIT;                              \
		assert_int_equal(kind##_id_parse(text, &id_, &why_), 0); \
		id_;                                                     \
	})

static void expect_done(struct ec2_op *op)
{
	struct err err = ERR_INIT;

	if (ec2_wait(fx.ec2, op, &err) < 0)
		fail_msg("%s", err.text);
}

static void expect_error(struct ec2_op *op, enum err_code code, const char *word)
{
	struct err err = ERR_INIT;

	assert_int_equal(ec2_wait(fx.ec2, op, &err), -1);
	if (err.code != code || !strstr(err.text, word))
		fail_msg("wanted %s with \"%s\", got %s: %s", err_name(code), word,
			 err_name(err.code), err.text);
}

static void on_look(void *arg)
{
	++*(int *)arg;
}

/* Looks until the patient is in this state and its root volume has that many attachments. */
static void wait_for(struct ec2_watch *watch, enum ec2_instance_state state, size_t attachments)
{
	struct instance_id patient = id_of(instance, PATIENT);
	struct volume_id root = id_of(volume, ROOT);
	struct err err = ERR_INIT;

	for (int64_t end = loop_now_ms(fx.loop) + 60000; loop_now_ms(fx.loop) < end;) {
		const struct ec2_instance *instance = ec2_seen_instance(watch, &patient);
		const struct ec2_volume *volume = ec2_seen_volume(watch, &root);

		if (instance && volume && instance->state == state &&
		    volume->attachments.count == attachments &&
		    (!attachments || volume->attachments.items[0].status == ATTACHMENT_ATTACHED))
			return;
		ec2_watch_want(watch, loop_now_ms(fx.loop) + 20);
		assert_int_equal(loop_step(fx.loop, 1000, &err), 0);
	}
	fail_msg("waited in vain for %s", ec2_instance_state_name(state));
}

static void test_whole_walk(void **state)
{
	struct instance_id patient = id_of(instance, PATIENT), helper = id_of(instance, HELPER);
	struct volume_id root = id_of(volume, ROOT);
	struct ec2_power power = { .instance = patient };
	struct ec2_attach out = { .volume = root, .instance = patient };
	struct ec2_attach in = { .volume = root, .instance = helper, .device = "/dev/sdf" };
	struct ec2_tag_pair tags[] = { { "ec2-rescue", "a b+c/d=~é" }, { "empty", "" } };
	const char *resources[] = { PATIENT, ROOT };
	struct ec2_change_tags change = { resources, 2, tags, 2, EC2_FOR_REAL };
	struct ec2_create_snapshot snap = { root, "before", tags, 1, EC2_FOR_REAL };
	struct ec2_modify_device modify = { patient, "/dev/xvda", true, EC2_FOR_REAL };
	struct ec2_state_changes changes;
	struct ec2_attachment attachment;
	struct ec2_snapshot snapshot;
	struct ec2_watch *watch;
	struct ec2_op op = { 0 };
	struct err err = ERR_INIT;
	int looks = 0;

	(void)state;
	open_client("AKIDALL", "open sesame", NULL);
	assert_int_equal(ec2_watch_open(fx.ec2, fx.loop, on_look, &looks, &watch, &err), 0);
	ec2_watch_set_min_gap(watch, 10);
	ec2_watch_instance(watch, &patient);
	ec2_watch_volume(watch, &root);
	wait_for(watch, INSTANCE_RUNNING, 1);
	assert_string_equal(ec2_tag_value(&ec2_seen_instance(watch, &patient)->tags, "Name"),
			    "patient");

	ec2_create_tags(fx.ec2, &change, &op);
	expect_done(&op);
	ec2_stop_instance(fx.ec2, &power, &changes, &op);
	expect_done(&op);
	assert_int_equal(changes.items[0].previous, INSTANCE_RUNNING);
	ec2_state_changes_done(&changes);
	wait_for(watch, INSTANCE_STOPPED, 1);
	assert_string_equal(ec2_tag_value(&ec2_seen_instance(watch, &patient)->tags, "ec2-rescue"),
			    "a b+c/d=~é");
	assert_string_equal(ec2_tag_value(&ec2_seen_volume(watch, &root)->tags, "empty"), "");
	ec2_create_snapshot(fx.ec2, &snap, &snapshot, &op);
	expect_done(&op);
	assert_int_equal(snapshot.status, SNAPSHOT_PENDING);
	ec2_watch_snapshot(watch, &snapshot.id);

	ec2_detach_volume(fx.ec2, &out, &attachment, &op);
	expect_done(&op);
	ec2_attachment_done(&attachment);
	wait_for(watch, INSTANCE_STOPPED, 0);
	ec2_attach_volume(fx.ec2, &in, &attachment, &op);
	expect_done(&op);
	assert_string_equal(attachment.device, "/dev/sdf");
	ec2_attachment_done(&attachment);
	wait_for(watch, INSTANCE_STOPPED, 1);
	assert_non_null(ec2_seen_snapshot(watch, &snapshot.id));
	ec2_snapshot_done(&snapshot);

	in.device = NULL;
	ec2_detach_volume(fx.ec2, &in, &attachment, &op);
	expect_done(&op);
	ec2_attachment_done(&attachment);
	wait_for(watch, INSTANCE_STOPPED, 0);
	out.device = "/dev/xvda";
	ec2_attach_volume(fx.ec2, &out, &attachment, &op);
	expect_done(&op);
	ec2_attachment_done(&attachment);
	wait_for(watch, INSTANCE_STOPPED, 1);
	assert_int_equal(ec2_seen_volume(watch, &root)->attachments.items[0].delete_on_termination,
			 EC2_FALSE);
	ec2_modify_device(fx.ec2, &modify, &op);
	expect_done(&op);
	ec2_start_instance(fx.ec2, &power, &changes, &op);
	expect_done(&op);
	ec2_state_changes_done(&changes);
	wait_for(watch, INSTANCE_RUNNING, 1);
	assert_int_equal(ec2_seen_volume(watch, &root)->attachments.items[0].delete_on_termination,
			 EC2_TRUE);
	tags[0].value = NULL;
	ec2_delete_tags(fx.ec2, &change, &op);
	expect_done(&op);
	assert_true(looks > 5);
	assert_null(ec2_watch_err(watch));
	ec2_watch_close(watch);
}

static void test_look_ups(void **state)
{
	struct instance_id patient = id_of(instance, PATIENT);
	struct sts_identity identity;
	struct asg_instances groups;
	struct ec2_attribute attribute;
	struct ec2_console console;
	struct imds_self self;
	struct ec2_op op = { 0 };

	(void)state;
	open_client("ASIATOKEN", "two", "to/ken+=");
	sts_get_caller_identity(fx.ec2, &identity, &op);
	expect_done(&op);
	assert_string_equal(identity.account, "123456789012");
	sts_identity_done(&identity);
	asg_describe_instances(fx.ec2, (const char *[]){ patient.s }, 1, &groups, &op);
	expect_done(&op);
	assert_int_equal(groups.count, 1);
	assert_string_equal(groups.items[0].group, "web");
	asg_instances_done(&groups);
	ec2_describe_instance_attribute(fx.ec2, &patient, "disableApiStop", &attribute, &op);
	expect_done(&op);
	assert_string_equal(attribute.value, "false");
	ec2_attribute_done(&attribute);
	ec2_get_console_output(fx.ec2, &patient, &console, &op);
	expect_done(&op);
	assert_non_null(console.output);
	ec2_console_done(&console);
	imds_get_self(fx.ec2, &self, &op);
	expect_done(&op);
	assert_string_equal(self.instance, HELPER);
	assert_string_equal(self.region, "eu-central-1");
	imds_self_done(&self);
}

/* A child of an empty snapshot with one block, read again. */
static void test_blocks(void **state)
{
	static uint8_t data[524288];
	struct snapshot_id parent = id_of(snapshot, SNAPSHOT);
	struct ec2_tag_pair tag = { "ec2-rescue-run", "r1" };
	struct ebs_start start = { .parent = parent,
				   .volume_gib = 1,
				   .description = "a \"child\"",
				   .client_token = "token",
				   .tags = &tag,
				   .tag_count = 1 };
	struct ebs_put_block put = { .index = 5, .data = data, .len = sizeof(data) };
	struct ebs_complete complete = { .changed_blocks = 1 };
	struct ebs_get_block get = { .index = 5 };
	struct ebs_started started, again;
	struct ebs_blocks list;
	struct str block = STR_INIT;
	const char *id = NULL;
	union ec2_list shown;
	struct ec2_op op = { 0 };

	(void)state;
	open_client("AKIDALL", "open sesame", NULL);
	memset(data, 'x', sizeof(data));
	data[4711] = 0;
	put.sum = sha256_of(data, sizeof(data));
	complete.sum = sha256_of(put.sum.b, sizeof(put.sum.b));
	ebs_start_snapshot(fx.ec2, &start, &started, &op);
	expect_done(&op);
	assert_string_equal(started.status, "pending");
	ebs_start_snapshot(fx.ec2, &start, &again, &op);
	expect_done(&op);
	assert_string_equal(again.id.s, started.id.s);
	put.snapshot = complete.snapshot = get.snapshot = started.id;
	ebs_put_snapshot_block(fx.ec2, &put, &op);
	expect_done(&op);
	ebs_put_snapshot_block(fx.ec2, &put, &op);
	expect_done(&op);
	ebs_complete_snapshot(fx.ec2, &complete, &op);
	expect_done(&op);
	do {
		sleep_ms(50);
		id = started.id.s;
		ec2_find(fx.ec2, EC2_SNAPSHOTS, &id, 1, &shown, &op);
		expect_done(&op);
		assert_int_equal(shown.any.count, 1);
		id = shown.snapshots.items[0].status == SNAPSHOT_PENDING ? NULL : id;
		if (id)
			assert_string_equal(shown.snapshots.items[0].description, "a \"child\"");
		ec2_list_done(EC2_SNAPSHOTS, &shown);
	} while (!id);
	ebs_list_snapshot_blocks(fx.ec2, &started.id, &list, &op);
	expect_done(&op);
	assert_int_equal(list.blocks.count, 1);
	assert_int_equal(list.blocks.items[0].index, 5);
	get.token = list.blocks.items[0].token;
	ebs_get_snapshot_block(fx.ec2, &get, &block, &op);
	expect_done(&op);
	assert_int_equal(block.len, sizeof(data));
	assert_memory_equal(block.s, data, sizeof(data));
	str_done(&block);
	ebs_blocks_done(&list);
	ebs_started_done(&started);
	ebs_started_done(&again);
}

static void test_region_of_this_machine(void **state)
{
	struct ec2_settings settings = { .endpoint_url = fx.url };
	struct err err = ERR_INIT;
	struct ec2 *ec2;

	(void)state;
	assert_int_equal(ec2_open(fx.loop, &settings, &ec2, &err), 0);
	assert_string_equal(ec2_region(ec2), "eu-central-1");
	ec2_close(ec2);
}

static void expect_identity(const char *profile, const char *arn)
{
	struct ec2_settings settings = { .endpoint_url = fx.url,
					 .region = "eu-central-1",
					 .profile = profile };
	struct sts_identity identity;
	struct ec2_op op = { 0 };
	struct err err = ERR_INIT;
	struct ec2 *ec2;

	if (ec2_open(fx.loop, &settings, &ec2, &err) < 0)
		fail_msg("%s", err.text);
	sts_get_caller_identity(ec2, &identity, &op);
	if (ec2_wait(ec2, &op, &err) < 0)
		fail_msg("%s", err.text);
	if (!strstr(identity.arn, arn))
		fail_msg("%s is not %s", identity.arn, arn);
	sts_identity_done(&identity);
	ec2_close(ec2);
}

/* A role over another profile's keys, a web identity, and this machine's own role, at a server that
 * checks each of them. */
static void test_roles(void **state)
{
	cleanup(free) char *path = mem_printf("%s/config", fx.dir);
	cleanup(free) char *token = mem_printf("%s/token", fx.dir);
	cleanup(free) char *text = mem_printf(
		"[profile base]\naws_access_key_id = AKIDALL\naws_secret_access_key = open sesame\n"
		"[profile ops]\nrole_arn = arn:aws:iam::123456789012:role/ops\n"
		"source_profile = base\nexternal_id = x y\nrole_session_name = me\n"
		"[profile pod]\nrole_arn = arn:aws:iam::123456789012:role/pod\n"
		"web_identity_token_file = %s\n[profile here]\nregion = eu-central-1\n",
		token);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(file_replace(path, text, strlen(text), 0600, &err), 0);
	assert_int_equal(file_replace(token, "eyJ.x.y\n", 8, 0600, &err), 0);
	setenv("AWS_CONFIG_FILE", path, 1);
	expect_identity("base", "123456789012");
	expect_identity("ops", "assumed-role/ops/me");
	expect_identity("pod", "assumed-role/pod");
	expect_identity("here", "helper-role");
	setenv("AWS_CONFIG_FILE", "/nonexistent", 1);
}

static void test_faults(void **state)
{
	struct ec2_attach attach = { id_of(volume, ROOT), id_of(instance, HELPER), "/dev/sdg",
				     false, EC2_FOR_REAL };
	struct ec2_power power = { .instance = id_of(instance, PATIENT) };
	const char *ids[] = { PATIENT };
	struct ec2_describe one = { .ids = ids, .id_count = 1 };
	struct ec2_attachment attachment;
	struct ec2_state_changes changes;
	struct ec2_instances instances;
	struct ec2_op op = { 0 };

	(void)state;
	open_client("AKIDALL", "open sesame", NULL);
	control("faults", "{\"action\": \"AttachVolume\", \"kind\": \"lost-before\"}");
	ec2_attach_volume(fx.ec2, &attach, &attachment, &op);
	expect_error(&op, ERR_INDOUBT, "AttachVolume");
	ec2_attach_volume(fx.ec2, &attach, &attachment, &op);
	expect_error(&op, ERR_BUSY, "VolumeInUse");
	control("faults", "{\"action\": \"StartInstances\", \"kind\": \"lost-after\"}");
	ec2_start_instance(fx.ec2, &power, &changes, &op);
	expect_done(&op);
	ec2_state_changes_done(&changes);
	control("faults",
		"{\"action\": \"DescribeInstances\", \"kind\": \"http5xx\", \"times\": 2}");
	ec2_describe_instances(fx.ec2, &one, &instances, &op);
	expect_done(&op);
	ec2_instances_done(&instances);
	assert_true(ec2_counters(fx.ec2).retries >= 2);
}

static void test_refusals(void **state)
{
	const char *ids[] = { "i-0bbbbbbbbbbbbbbbb" };
	struct ec2_power power = { .instance = id_of(instance, PATIENT), .dry_run = EC2_DRY_RUN };
	struct ec2_describe one = { .ids = ids, .id_count = 1 }, all = { 0 };
	struct ec2_state_changes changes;
	struct ec2_instances instances;
	struct ec2_op op = { 0 };

	(void)state;
	open_client("AKIDALL", "open sesame", NULL);
	ec2_describe_instances(fx.ec2, &one, &instances, &op);
	expect_error(&op, ERR_NOTFOUND, "i-0bbbbbbbbbbbbbbbb");
	ec2_stop_instance(fx.ec2, &power, &changes, &op);
	expect_done(&op);
	open_client("AKIDFEW", "three", NULL);
	ec2_stop_instance(fx.ec2, &power, &changes, &op);
	expect_error(&op, ERR_DENIED, "ec2:StopInstances");
	open_client("AKIDALL", "wrong", NULL);
	ec2_describe_instances(fx.ec2, &all, &instances, &op);
	expect_error(&op, ERR_CREDENTIALS, "AuthFailure");
}

static void test_clock(void **state)
{
	struct ec2_describe all = { 0 };
	struct ec2_instances instances;
	struct ec2_op op = { 0 };

	(void)state;
	open_client("AKIDALL", "open sesame", NULL);
	control("world", "{\"clock_offset_s\": 7200}");
	ec2_describe_instances(fx.ec2, &all, &instances, &op);
	expect_done(&op);
	assert_int_equal(instances.count, 2);
	ec2_instances_done(&instances);
	assert_in_range(fx.ec2->skew_s, 7100, 7300);
	control("world", "{\"clock_offset_s\": 0}");
}

/* An unknown id among the known ones, and a policy without status checks. */
static void test_watch_strangers(void **state)
{
	struct instance_id patient = id_of(instance, PATIENT),
			   stranger = id_of(instance, "i-0bbbbbbbbbbbbbbbb");
	struct ec2_watch *watch;
	struct err err = ERR_INIT;
	int looks = 0;

	(void)state;
	for (int round = 0; round < 2; round++) {
		if (round)
			open_client("AKIDFEW", "three", NULL);
		else
			open_client("AKIDALL", "open sesame", NULL);
		assert_int_equal(ec2_watch_open(fx.ec2, fx.loop, on_look, &looks, &watch, &err), 0);
		ec2_watch_instance(watch, &stranger);
		ec2_watch_instance(watch, &patient);
		ec2_watch_status(watch, &stranger);
		ec2_watch_status(watch, &patient);
		ec2_watch_want(watch, 0);
		looks = 0;
		/* cppcheck-suppress knownConditionTrueFalse ; on_look counts them */
		while (looks < 2) /* the look, and the status checks */
			assert_int_equal(loop_step(fx.loop, 1000, &err), 0);
		assert_null(ec2_watch_err(watch));
		assert_non_null(ec2_seen_instance(watch, &patient));
		assert_null(ec2_seen_instance(watch, &stranger));
		assert_true(!!ec2_seen_status(watch, &patient) == !round);
		assert_true(!!ec2_watch_missing(watch, EC2_STATUSES) == !!round);
		ec2_watch_close(watch);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_walk), cmocka_unit_test(test_look_ups),
		cmocka_unit_test(test_blocks),	   cmocka_unit_test(test_region_of_this_machine),
		cmocka_unit_test(test_refusals),   cmocka_unit_test(test_roles),
		cmocka_unit_test(test_clock),	   cmocka_unit_test(test_watch_strangers),
		cmocka_unit_test(test_faults),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
