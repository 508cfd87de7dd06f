/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rows from which arguments are parsed and usage, completion and the man page's lists come. */
#include "base/file.h"
#include "base/str.h"
#include "checks/nat_setup.h"
#include "checks/sshd_people.h"
#include "rescue/parse.h"

#include <errno.h>

enum option_group {
	OPT_AWS = 1,	   /* what speaks to AWS */
	OPT_STATE = 2,	   /* what keeps records */
	OPT_RESCUE = 4,	   /* what stops and starts instances */
	OPT_SURGERY = 8,   /* what may change a volume */
	OPT_LOCAL = 16,	   /* what looks at a target that is already here */
	OPT_BOOT = 64,	   /* what may start a volume in QEMU */
	OPT_OUTPUT = 32,   /* what has a machine-readable form */
	OPT_CONSENT = 128, /* what asks before it does it */
	OPT_SAVE = 256,
	OPT_PRUNE = 512,
	OPT_WATCH = 1024,
	OPT_URGENT = 2048,
	OPT_RESTORE = 4096,
	OPT_SWAP = 16384,
	OPT_PLAN = 8192, /* what shows what it would do */
	OPT_NET = 32768,
	OPT_POLICY = 65536,
};

const struct command commands[] = {
	{ "rescue", "INSTANCE-ID...", 1, 1000,
	  "stop, repair, return, restart and verify (the default command)",
	  OPT_AWS | OPT_STATE | OPT_RESCUE | OPT_SURGERY | OPT_BOOT | OPT_OUTPUT, cmd_rescue },
	{ "audit", "TARGET", 1, 1,
	  "examine a block device, a raw image, a mounted tree, or (by a snapshot) vol-..., i-... "
	  "or "
	  "snap-...; writes nothing to it",
	  OPT_AWS | OPT_STATE | OPT_LOCAL | OPT_OUTPUT, cmd_audit },
	{ "repair", "TARGET", 1, 1, "examine and repair a target that is already here",
	  OPT_STATE | OPT_SURGERY | OPT_LOCAL | OPT_BOOT | OPT_OUTPUT, cmd_repair },
	{ "boot", "TARGET", 1, 1,
	  "start a block device or image in QEMU, cut off from every network, and see whether its "
	  "sshd answers; writes nothing",
	  OPT_STATE | OPT_LOCAL | OPT_BOOT | OPT_OUTPUT, cmd_boot },
	{ "undo", "TARGET|INSTANCE-ID|RUN", 1, 1, "put a repair back",
	  OPT_AWS | OPT_STATE | OPT_RESCUE | OPT_LOCAL | OPT_OUTPUT, cmd_undo },
	{ "resume", "[RUN|INSTANCE-ID]", 0, 1,
	  "finish an interrupted run or send home what it borrowed",
	  OPT_AWS | OPT_STATE | OPT_RESCUE | OPT_OUTPUT, cmd_resume },
	{ "runs", "", 0, 0, "list the runs and what became of them", OPT_STATE | OPT_OUTPUT,
	  cmd_runs },
	{ "net", "INSTANCE-ID", 1, 1,
	  "does the network let a connection through, and if not, which rule stops it and which "
	  "would not; stops nothing and changes nothing, unless --fix-cloud says so",
	  OPT_AWS | OPT_STATE | OPT_NET | OPT_CONSENT | OPT_OUTPUT, cmd_net },
	{ "spot save", "INSTANCE-ID|self", 1, 1,
	  "keep the state of an instance: snapshots of its volumes at one moment, which say in "
	  "their "
	  "tags what a restore has to know; on the instance itself the file systems are frozen for "
	  "it",
	  OPT_AWS | OPT_SAVE | OPT_URGENT | OPT_OUTPUT, cmd_spot_save },
	{ "spot watch", "", 0, 0,
	  "on a spot instance, as a service: save its state on a schedule and when it is about to "
	  "be "
	  "interrupted",
	  OPT_AWS | OPT_SAVE | OPT_WATCH | OPT_OUTPUT, cmd_spot_watch },
	{ "spot restore", "STATE", 1, 1,
	  "make an instance of a saved set: its root examined and repaired first, its volumes, "
	  "groups, "
	  "addresses and interfaces as they were where that is still possible; what is not is said",
	  OPT_AWS | OPT_RESTORE | OPT_PLAN | OPT_OUTPUT, cmd_spot_restore },
	{ "spot swap", "STATE INSTANCE-ID|self", 2, 2,
	  "attach copies of the data volumes of a saved set to an instance that runs already",
	  OPT_AWS | OPT_SWAP | OPT_PLAN | OPT_OUTPUT, cmd_spot_swap },
	{ "spot list", "[STATE]", 0, 1, "list the saved sets, and whether they are complete",
	  OPT_AWS | OPT_OUTPUT, cmd_spot_list },
	{ "spot prune", "[STATE]", 0, 1,
	  "delete the saved sets that no rule keeps; never the newest complete one of a state",
	  OPT_AWS | OPT_PRUNE | OPT_CONSENT | OPT_OUTPUT, cmd_spot_prune },
	{ "drill", "NAME", 1, 1,
	  "show the tool at work in an embedded EC2; anywhere: rescues on each way to the root "
	  "volume, with a table of what it costs; net: a closed path, opened; nat: a NAT instance "
	  "that translates nothing, repaired; spot: a state that outlives its instance",
	  0, cmd_drill },
	{ "policy", "[COMMAND...]", 0, 100,
	  "print the least IAM policy that these commands work with; default: rescue", OPT_POLICY,
	  cmd_policy },
	{ "checks", "[NAME]", 0, 1, "list every check, or explain one", OPT_OUTPUT, cmd_checks },
};
const size_t command_count = ARRAY_LEN(commands);

#define ROW(name, kind, groups, field, arg, help)                              \
	{                                                                      \
		name, kind, groups, offsetof(struct options, field), arg, help \
	}

const struct option_row option_rows[] = {
	ROW("yes", VALUE_FLAG, OPT_RESCUE | OPT_SURGERY | OPT_CONSENT, yes, NULL,
	    "consent to the hazards and repairs that are printed"),
	ROW("dry-run", VALUE_FLAG, OPT_RESCUE | OPT_SURGERY | OPT_CONSENT | OPT_PLAN, dry_run, NULL,
	    "show exactly what would happen and change nothing"),
	ROW("fix", VALUE_WORDS, OPT_SURGERY, fix, "NAME",
	    "also do the offered repairs of this check; may be repeated"),
	ROW("add-key", VALUE_TEXT, OPT_SURGERY, add_key, "FILE",
	    "put the public key in FILE where sshd on the volume reads the user's keys"),
	ROW("user", VALUE_TEXT, OPT_SURGERY, user, "NAME",
	    "whose account --add-key opens; default: the user that the image was made with"),
	ROW("setup-nat", VALUE_TEXT, OPT_SURGERY, setup_nat, "CIDR",
	    "make it a NAT instance for that range of hosts, as 10.0.0.0/16; \"vpc\": its VPC's"),
	ROW("rehearse-boot", VALUE_FLAG, OPT_SURGERY, rehearse_boot, NULL,
	    "before the repair is written, boot it in QEMU; when it does not come up, write "
	    "nothing"),
	ROW("commit-anyway", VALUE_FLAG, OPT_SURGERY, commit_anyway, NULL,
	    "write the repair although that boot fails"),
	ROW("boot-timeout", VALUE_SECONDS, OPT_BOOT, boot_s, "SECONDS",
	    "patience with one boot; default 600, in a rescue at most 900"),
	ROW("no-kvm", VALUE_FLAG, OPT_BOOT, no_kvm, NULL,
	    "emulate the processor although /dev/kvm is there"),
	ROW("json", VALUE_FLAG, OPT_OUTPUT, json, NULL,
	    "one JSON object per event (audit: one object) on stdout"),
	ROW("region", VALUE_TEXT, OPT_AWS, region, "REGION",
	    "AWS Region; default as the AWS SDKs find it"),
	ROW("profile", VALUE_TEXT, OPT_AWS, profile, "NAME",
	    "profile of the shared AWS configuration files"),
	ROW("endpoint-url", VALUE_TEXT, OPT_AWS, endpoint_url, "URL",
	    "another endpoint than the Region's"),
	ROW("via", VALUE_TEXT, OPT_RESCUE | OPT_POLICY, via, "WAY",
	    "how the root volume is got at: \"self\" attaches it to this machine; \"helper\" to "
	    "another one, over ssh; \"snapshot\" needs no helper and swaps it for a repaired copy; "
	    "\"replace\" does so without a stop; default: \"auto\", the way that loses least and "
	    "takes least time"),
	ROW("helper", VALUE_TEXT, OPT_RESCUE, helper, "INSTANCE-ID",
	    "instance that the volume is attached to: this machine or one that ssh leads to; "
	    "\"launch\": a new one, which is terminated afterwards; default: this machine by its "
	    "instance metadata, else \"launch\""),
	ROW("helper-type", VALUE_TEXT, OPT_RESCUE, helper_type, "TYPE",
	    "instance type of a helper that is launched; default: the smallest that is to be had"),
	ROW("helper-image", VALUE_TEXT, OPT_RESCUE, helper_image, "AMI-ID",
	    "its image; default: the current Amazon Linux"),
	ROW("subnet", VALUE_TEXT, OPT_RESCUE, subnet, "SUBNET-ID",
	    "its subnet, in the volume's zone; default: the instance's own"),
	ROW("ssh-from", VALUE_TEXT, OPT_RESCUE, ssh_from, "CIDR",
	    "the only addresses from which ssh to it is let in; default: this machine's"),
	ROW("keep-helper", VALUE_FLAG, OPT_RESCUE, keep_helper, NULL,
	    "do not terminate it afterwards"),
	ROW("helper-user", VALUE_TEXT, OPT_RESCUE, helper_user, "NAME",
	    "account on a helper that was there before, root or with sudo; default: ssh's"),
	ROW("helper-host", VALUE_TEXT, OPT_RESCUE, helper_host, "HOST",
	    "name or address for ssh to the helper; default: its public, else its private address"),
	ROW("device-dir", VALUE_TEXT, OPT_RESCUE, device_dir, "DIR",
	    "where an attached volume's device appears; default /dev/disk/by-id"),
	ROW("force-stop", VALUE_FLAG, OPT_RESCUE, force_stop, NULL,
	    "consent to a forced stop when the graceful one does not end in time"),
	ROW("stop-timeout", VALUE_SECONDS, OPT_RESCUE, stop_s, "SECONDS",
	    "patience with a graceful stop; default 300"),
	ROW("no-snapshot", VALUE_FLAG, OPT_RESCUE, no_snapshot, NULL,
	    "operate without a snapshot of the root volume"),
	ROW("verify-timeout", VALUE_SECONDS, OPT_RESCUE, verify_s, "SECONDS",
	    "patience with status checks and the sshd port; default 300"),
	ROW("ssh-host", VALUE_TEXT, OPT_RESCUE, ssh_host, "ADDRESS",
	    "address for the test of the sshd port; default: the public, else the private one"),
	ROW("ssh-port", VALUE_PORT, OPT_RESCUE, ssh_port, "PORT",
	    "port for that test; default: where sshd listens by the volume's configuration"),
	ROW("state-dir", VALUE_TEXT, OPT_STATE, state_dir, "DIR",
	    "journal, redo and undo records; default /var/lib/ec2-rescue, or below XDG_STATE_HOME "
	    "when not root"),
	ROW("from", VALUE_TEXT, OPT_NET | OPT_RESCUE, from, "ADDRESS",
	    "where the connection comes from; default: this machine, as the instance sees it"),
	ROW("to", VALUE_TEXT, OPT_NET, to, "ADDRESS",
	    "the address of the instance that is connected to; default: the one that the sender "
	    "can use"),
	ROW("port", VALUE_PORT, OPT_NET, port, "PORT",
	    "TCP port; default: where sshd listens by the newest snapshot, else 22"),
	ROW("role", VALUE_TEXT, OPT_NET, role, "ROLE",
	    "\"nat\": does it translate for the private subnets; \"mtu\": are packets lost for "
	    "their size"),
	ROW("fix-cloud", VALUE_FLAG, OPT_NET | OPT_POLICY, fix_cloud, NULL,
	    "change rules and routes so that it gets through: shown first, recorded, and taken "
	    "back by `undo`"),
	ROW("no-volume", VALUE_FLAG, OPT_NET, no_volume, NULL,
	    "do not examine the newest snapshot of its root volume"),
	ROW("no-net", VALUE_FLAG, OPT_RESCUE, no_net, NULL,
	    "do not ask first whether the network lets ssh through"),
	ROW("with", VALUE_WORDS, OPT_LOCAL, with, "PATH",
	    "a further device or image of the same system; may be repeated"),
	ROW("unprivileged", VALUE_FLAG, OPT_LOCAL, unprivileged, NULL,
	    "read the file system through libext2fs although this is root"),
	ROW("name", VALUE_TEXT, OPT_SAVE, name, "STATE",
	    "name of the state; default: the instance's tag ec2-rescue-spot, else its id"),
	ROW("volume", VALUE_WORDS, OPT_SAVE, volumes, "VOLUME-ID|DEVICE",
	    "save this volume, not all of them; may be repeated"),
	ROW("freeze", VALUE_WORDS, OPT_SAVE, freeze, "PATH",
	    "freeze the file system mounted there, not all that are on the volumes; may be "
	    "repeated"),
	ROW("no-freeze", VALUE_FLAG, OPT_SAVE, no_freeze, NULL,
	    "save the volumes as a loss of power would leave them"),
	ROW("freeze-limit", VALUE_SECONDS, OPT_SAVE, freeze_s, "SECONDS",
	    "the longest that writers are held up, whatever happens; default 5"),
	ROW("before", VALUE_TEXT, OPT_SAVE, before, "COMMAND",
	    "shell command that makes the application quiet; when it fails nothing is saved"),
	ROW("after", VALUE_TEXT, OPT_SAVE, after, "COMMAND",
	    "shell command that lets it go on; runs whatever happened"),
	ROW("hook-timeout", VALUE_SECONDS, OPT_SAVE, hook_s, "SECONDS",
	    "patience with each of these commands; default 30"),
	ROW("urgent", VALUE_FLAG, OPT_URGENT, urgent, NULL,
	    "save although a file system cannot be frozen or --before fails"),
	ROW("every", VALUE_AGE, OPT_WATCH, every_s, "AGE",
	    "save so often, too: 30m, 6h, 1d; default: only when it is about to be interrupted"),
	ROW("at", VALUE_TEXT, OPT_RESTORE | OPT_SWAP, at, "TIME",
	    "the newest set of that time or before: 2026-11-22T07:00:00Z, or a day; default: the "
	    "newest"),
	ROW("wait", VALUE_SECONDS, OPT_RESTORE | OPT_SWAP, wait_s, "SECONDS",
	    "wait so long for a newer set whose snapshots are not completed yet; default: take the "
	    "newest complete one, and say so"),
	ROW("type", VALUE_WORDS, OPT_RESTORE, types, "TYPE",
	    "instance type; may be repeated, the next one is tried when there is no capacity; "
	    "default: "
	    "as it was"),
	ROW("zone", VALUE_WORDS, OPT_RESTORE, zones, "ZONE|SUBNET-ID",
	    "Availability Zone or subnet; may be repeated likewise; default: the subnet that it "
	    "was in"),
	ROW("on-demand", VALUE_FLAG, OPT_RESTORE, on_demand, NULL, "not a spot instance"),
	ROW("max-price", VALUE_TEXT, OPT_RESTORE, max_price, "USD",
	    "per hour, at most; default: the on-demand price"),
	ROW("no-audit", VALUE_FLAG, OPT_RESTORE, no_audit, NULL,
	    "do not examine and repair the root before"),
	ROW("keep-last", VALUE_COUNT, OPT_PRUNE, keep_last, "N", "keep the newest N sets"),
	ROW("keep-daily", VALUE_COUNT, OPT_PRUNE, keep_daily, "N",
	    "keep the newest set of each of the last N days (UTC) that have one"),
	ROW("keep-weekly", VALUE_COUNT, OPT_PRUNE, keep_weekly, "N",
	    "keep the newest set of each of the last N weeks (from Monday) that have one"),
	ROW("older-than", VALUE_AGE, OPT_PRUNE, older_than_s, "AGE",
	    "delete nothing that is younger: 12h, 30d, 8w"),
};

const struct command *command_find(const char *first, const char *second, int *ret_words)
{
	cleanup(free) char *both = second ? mem_printf("%s %s", first, second) : NULL;

	for (size_t i = 0; i < command_count; i++) {
		*ret_words = both && str_eq(commands[i].name, both) ? 2 : 1;
		if (*ret_words == 2 || str_eq(commands[i].name, first))
			return &commands[i];
	}
	return NULL;
}

/* The commands of a family as a list: "spot save, spot list". NULL: the word is none. */
static char *family_of(const char *word)
{
	struct str names = STR_INIT;

	for (size_t i = 0; i < command_count; i++)
		if (str_starts(commands[i].name, word) && commands[i].name[strlen(word)] == ' ')
			str_addf(&names, "%s%s", names.len ? ", " : "", commands[i].name);
	return names.len ? str_take(&names) : NULL;
}

const size_t option_row_count = ARRAY_LEN(option_rows);

static const struct option_row *find_row(const char *name, size_t len)
{
	for (size_t i = 0; i < option_row_count; i++)
		if (strlen(option_rows[i].name) == len && !strncmp(option_rows[i].name, name, len))
			return &option_rows[i];
	return NULL;
}

static int parse_number(const char *text, unsigned long max, uint32_t *ret)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || !n || n > max)
		return -1;
	*ret = (uint32_t)n;
	return 0;
}

/* "12h", "30d", "8w", at most ten years. */
static int parse_age(const char *text, uint32_t *ret)
{
	static const struct {
		char unit;
		uint32_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 7 * 86400 } };
	size_t len = strlen(text);
	cleanup(free) char *number = mem_strndup(text, len ? len - 1 : 0);

	for (size_t i = 0; len > 1 && i < ARRAY_LEN(units); i++)
		if (text[len - 1] == units[i].unit &&
		    !parse_number(number, 3650ul * 86400 / units[i].seconds, ret)) {
			*ret *= units[i].seconds;
			return 0;
		}
	return -1;
}

/* NULL: it is not set. */
static char *value_of(const struct option_row *row, const struct options *options)
{
	const void *field = (const char *)options + row->offset;

	if (row->kind == VALUE_TEXT) {
		const char *text = *(const char *const *)field;

		return text ? mem_strdup(text) : NULL;
	}
	return *(const uint32_t *)field ? mem_printf("%u%s", *(const uint32_t *)field,
						     row->kind == VALUE_AGE ? "s" : "")
					: NULL;
}

static void add_argument(struct words *into, const struct option_row *row, const char *value)
{
	vec_push(into,
		 value ? mem_printf("--%s=%s", row->name, value) : mem_printf("--%s", row->name));
}

void command_argv(const struct command *command, const struct options *options, struct words *into)
{
	for (size_t i = 0; i < option_row_count; i++) {
		const struct option_row *row = &option_rows[i];
		const void *field = (const char *)options + row->offset;
		cleanup(free) char *value = NULL;

		if (!(row->groups & command->options))
			continue;
		if (row->kind == VALUE_FLAG) {
			if (*(const bool *)field)
				add_argument(into, row, NULL);
		} else if (row->kind == VALUE_WORDS) {
			vec_foreach (word, (const struct words *)field)
				add_argument(into, row, *word);
		} else if ((value = value_of(row, options))) {
			add_argument(into, row, value);
		}
	}
}

static int set_value(const struct option_row *row, const char *value, struct options *options,
		     struct err *err)
{
	void *field = (char *)options + row->offset;

	switch (row->kind) {
	case VALUE_FLAG:
		*(bool *)field = true;
		return 0;
	case VALUE_TEXT:
		if (!*value)
			return err_set(err, ERR_USAGE, "--%s needs a %s that is not empty",
				       row->name, row->arg);
		*(const char **)field = value;
		return 0;
	case VALUE_WORDS:
		vec_push((struct words *)field, value);
		return 0;
	case VALUE_SECONDS:
		if (parse_number(value, 7ul * 24 * 3600, field) < 0)
			return err_set(err, ERR_USAGE,
				       "--%s: \"%s\" is not a number of seconds from 1 to 604800",
				       row->name, value);
		return 0;
	case VALUE_COUNT:
		if (parse_number(value, 1000000, field) < 0)
			return err_set(err, ERR_USAGE,
				       "--%s: \"%s\" is not a number from 1 to 1000000", row->name,
				       value);
		return 0;
	case VALUE_AGE:
		if (parse_age(value, field) < 0)
			return err_set(err, ERR_USAGE,
				       "--%s: \"%s\" is no age; write 12h, 30d or 8w", row->name,
				       value);
		return 0;
	case VALUE_PORT:
		if (parse_number(value, 65535, field) < 0)
			return err_set(err, ERR_USAGE,
				       "--%s: \"%s\" is not a port number from 1 to 65535",
				       row->name, value);
		return 0;
	}
	return 0;
}

/* "--name", "--name=value" or "--name value". */
static int parse_option(char **argv, int *at, struct options *options, unsigned *used_groups,
			const struct option_row **ret_last, struct err *err)
{
	const char *name = argv[*at] + 2, *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct option_row *row = find_row(name, len);
	const char *value = equals ? equals + 1 : NULL;

	if (!row)
		return err_set(err, ERR_USAGE,
			       "there is no option %s; `ec2-rescue --help` lists them", argv[*at]);
	if (row->kind == VALUE_FLAG) {
		if (value)
			return err_set(err, ERR_USAGE, "--%s takes no value", row->name);
		value = "";
	} else if (!value) {
		value = argv[*at + 1];
		if (!value)
			return err_set(err, ERR_USAGE, "--%s needs a %s", row->name, row->arg);
		++*at;
	}
	if (set_value(row, value, options, err) < 0)
		return -1;
	*used_groups = row->groups;
	*ret_last = row;
	return 0;
}

static int check_use(const struct parsed *parsed, const struct option_row *const *used,
		     size_t count, struct err *err)
{
	const struct command *command = parsed->command;
	size_t targets = parsed->options.targets.count;

	for (size_t i = 0; i < count; i++)
		if (!(used[i]->groups & command->options))
			return err_set(
				err, ERR_USAGE,
				"`ec2-rescue %s` has no option --%s; see `ec2-rescue %s --help`",
				command->name, used[i]->name, command->name);
	if (targets < command->min)
		return err_set(err, ERR_USAGE, "usage: ec2-rescue %s [OPTIONS] %s", command->name,
			       command->args);
	if (targets > command->max)
		return err_set(err, ERR_USAGE,
			       "\"%s\" is one argument too many; usage: ec2-rescue %s [OPTIONS] %s",
			       parsed->options.targets.items[command->max], command->name,
			       command->args);
	return 0;
}

/* Before anything begins: an instance must not be stopped for a key that is none. */
static int take_key(struct options *options, struct err *err)
{
	cleanup(str_done) struct str text = STR_INIT;

	if (options->user && !options->add_key)
		return err_set(err, ERR_USAGE,
			       "--user says whose account --add-key opens; there is no "
			       "--add-key");
	if (!options->add_key)
		return 0;
	if (file_read(options->add_key, TREE_FILE_MAX, &text, err) < 0 ||
	    public_key_read(&text, &options->key_line, err) < 0) {
		err->code = ERR_USAGE;
		return err_in(err, "--add-key %s", options->add_key);
	}
	return 0;
}

/* The same for a range of which a number is missing: it would be found out hours later, by those behind it. */
static int take_nat(const struct options *options, struct err *err)
{
	struct ip_net ignored;

	if (!options->setup_nat || str_eq(options->setup_nat, NAT_OF_VPC) ||
	    !nat_range_read(options->setup_nat, &ignored, err))
		return 0;
	return err_in(err, "--setup-nat %s", options->setup_nat);
}

static int check_boot(const struct options *options, struct err *err)
{
	if (options->commit_anyway && !options->rehearse_boot)
		return err_set(err, ERR_USAGE,
			       "--commit-anyway is about the boot of --rehearse-boot, which is not "
			       "asked for");
	return 0;
}

int parse_arguments(int argc, char **argv, struct parsed *ret, struct err *err)
{
	VEC(const struct option_row *) used = { 0 };
	cleanup(free) char *family = NULL;
	bool only_targets = false;
	int rc = 0, words;

	ret->options = (struct options){ .device_dir = DEVICE_DIR,
					 .verify_s = 300,
					 .stop_s = 300,
					 .boot_s = 600,
					 .freeze_s = 5,
					 .hook_s = 30 };
	for (int i = 1; i < argc && !rc; i++) {
		const struct option_row *row = NULL;
		unsigned groups = 0;

		if (!only_targets && str_eq(argv[i], "--")) {
			only_targets = true;
		} else if (!only_targets && (str_eq(argv[i], "--help") || str_eq(argv[i], "-h"))) {
			ret->wants_help = true;
		} else if (!only_targets && str_eq(argv[i], "--version")) {
			ret->wants_version = true;
		} else if (!only_targets && str_starts(argv[i], "--")) {
			rc = parse_option(argv, &i, &ret->options, &groups, &row, err);
			if (!rc)
				vec_push(&used, row);
		} else if (!only_targets && argv[i][0] == '-' && argv[i][1]) {
			rc = err_set(err, ERR_USAGE,
				     "there is no option %s; `ec2-rescue --help` lists them",
				     argv[i]);
		} else if (!ret->command && !ret->options.targets.count &&
			   (ret->command = command_find(argv[i], argv[i + 1], &words))) {
			i += words - 1;
		} else {
			vec_push(&ret->options.targets, argv[i]);
		}
	}
	if (!rc && !ret->wants_help && !ret->wants_version) {
		if (!ret->command && !ret->options.targets.count)
			rc = err_set(err, ERR_USAGE,
				     "name an instance: `ec2-rescue i-0123456789abcdef0`, or see "
				     "`ec2-rescue --help`");
		else if (!ret->command && (family = family_of(ret->options.targets.items[0])))
			rc = err_set(err, ERR_USAGE, "\"%s\" is one of: %s",
				     ret->options.targets.items[0], family);
		else if (!ret->command && !str_starts(ret->options.targets.items[0], "i-"))
			rc = err_set(err, ERR_USAGE,
				     "\"%s\" is neither a command nor an instance id; see "
				     "`ec2-rescue --help`",
				     ret->options.targets.items[0]);
		if (!ret->command)
			ret->command = &commands[0];
		if (!rc)
			rc = check_use(ret, used.items, used.count, err);
		if (!rc)
			rc = check_boot(&ret->options, err);
		if (!rc)
			rc = take_key(&ret->options, err);
		if (!rc)
			rc = take_nat(&ret->options, err);
	}
	vec_done(&used);
	return rc;
}
