/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/selinux.h"
#include "checks/boot.h"
#include "checks/kernel_cmdline.h"

#include <strings.h>

#define POLICY_MAGIC "\x8c\xff\x7c\xf9" /* 0xf97cff8c, little endian */

char *selinux_policy_of(const struct machine *machine, const char *type, bool *ret_has_bad)
{
	cleanup(free) char *dir = mem_printf("/etc/selinux/%s/policy", type);
	const struct tree_names *names = strlen(dir) < 256 ? machine_list(machine, dir) : NULL;
	char *best = NULL;

	for (size_t i = 0; names && i < names->count; i++) {
		cleanup(free) char *path = mem_printf("%s/%s", dir, names->items[i]);
		cleanup(str_done) struct str head = STR_INIT;
		struct err ignored = ERR_INIT;

		if (!str_starts(names->items[i], "policy.") || strlen(names->items[i]) > 12)
			continue;
		if (tree_read_at(machine_tree(machine), path, 0, 4, &head, &ignored) < 0 ||
		    head.len < 4 || memcmp(head.s, POLICY_MAGIC, 4)) {
			*ret_has_bad = true;
			continue;
		}
		free(best);
		best = TAKE(path);
	}
	return best;
}

static const char *word_value(const char *args, const char *key)
{
	const char *word = cmdline_word(args, key);

	return word ? word + strlen(key) : NULL;
}

/* Is SELinux what this kernel runs? Fedora and its kin build it in and on; Debian, Ubuntu and SUSE ask
 * for it on the command line. */
static enum selinux_mode mode_by_kernel(const struct machine *machine, enum selinux_mode config,
					bool *ret_is_forced)
{
	const struct boot_entry *entry = boot_default(boot_model(machine));
	cleanup(cmdlines_done) struct cmdlines lines = { 0 };
	bool is_kin = machine_os_is_like(machine, "fedora") || machine_os_is_like(machine, "rhel");
	const char *args = entry ? entry->args : NULL, *word;

	if (!args) {
		cmdlines_find(machine, &lines);
		args = lines.count ? lines.items[0].args : "";
	}
	word = word_value(args, "selinux=");
	if (word && word[0] == '0')
		return SELINUX_OFF;
	if (!is_kin && !(word && word[0] == '1') && !strstr(args, "security=selinux"))
		return SELINUX_OFF;
	if ((word = word_value(args, "security=")) && !str_starts(word, "selinux"))
		return SELINUX_OFF;
	word = word_value(args, "enforcing=");
	*ret_is_forced = word && config != SELINUX_OFF;
	if (*ret_is_forced)
		return word[0] == '0' ? SELINUX_PERMISSIVE : SELINUX_ENFORCING;
	return config;
}

static bool relabels_by_kernel(const struct machine *machine)
{
	const struct boot_entry *entry = boot_default(boot_model(machine));
	const char *word = entry ? word_value(entry->args, "autorelabel=") : NULL;

	return word && word[0] == '1';
}

/* Only the beginning of the word counts, in any case. */
static enum selinux_mode mode_of(const char *value)
{
	if (!strncasecmp(value, "enforcing", 9))
		return SELINUX_ENFORCING;
	if (!strncasecmp(value, "permissive", 10))
		return SELINUX_PERMISSIVE;
	if (!strncasecmp(value, "disabled", 8))
		return SELINUX_OFF;
	return SELINUX_UNKNOWN;
}

static void selinux_free(void *value)
{
	struct selinux *selinux = value;

	shellvars_done(&selinux->config);
	free(selinux->type);
	free(selinux->policy);
	free(selinux);
}

static void learn(const struct machine *machine, struct selinux *selinux)
{
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(machine, SELINUX_CONFIG, &ignored);
	cleanup(free) char *contexts = NULL;
	const char *mode, *type;

	if (!text)
		return;
	selinux->has_config = true;
	shellvars_parse(text->s, text->len, &selinux->config);
	if (shellvars_get(&selinux->config, "SELINUX", &mode) != SHELLVAR_IS)
		return;
	selinux->mode = mode_by_kernel(machine, mode_of(mode), &selinux->is_forced);
	if (shellvars_get(&selinux->config, "SELINUXTYPE", &type) != SHELLVAR_IS || !type[0] ||
	    strchr(type, '/') || strlen(type) > 64)
		type = "targeted";
	selinux->type = mem_strdup(type);
	selinux->policy = selinux_policy_of(machine, type, &selinux->has_bad_policy);
	contexts = mem_printf("/etc/selinux/%s/contexts/files/file_contexts", type);
	selinux->has_contexts = tree_exists(machine_tree(machine), contexts);
	selinux->will_relabel =
		tree_exists(machine_tree(machine), "/.autorelabel") || relabels_by_kernel(machine);
}

static const char selinux_key;

const struct selinux *selinux_read(const struct machine *machine)
{
	struct selinux *selinux = machine_kept(machine, &selinux_key);

	if (!selinux) {
		selinux = mem_alloc(sizeof(*selinux));
		machine_keep(machine, &selinux_key, selinux, selinux_free);
		learn(machine, selinux);
	}
	return selinux;
}
