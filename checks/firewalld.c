/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/firewalld.h"
#include "checks/units.h"

#include <stdio.h>

#define SERVICE	  "firewalld.service"
#define VENDOR	  "/usr/lib/firewalld"
#define ETC	  "/etc/firewalld"
#define CONF	  ETC "/firewalld.conf"
#define FILES_MAX 2000u

bool firewalld_is_started(const struct machine *machine)
{
	return machine_unit(machine, SERVICE) == UNIT_ENABLED;
}

static bool is_target(const char *target)
{
	static const char *const known[] = { "",	   "default",	     "ACCEPT",	 "DROP",
					     "%%REJECT%%", "{chain}_{zone}", "CONTINUE", "REJECT" };

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_eq(target, known[i]))
			return true;
	return false;
}

/* What a reader of any version refuses, beyond XML: the few things that everybody checks. */
static void judge_file(struct firewalld_file *file, const char *root)
{
	const char *target;

	if (file->xml.problem) {
		file->broken = file->xml.problem;
		file->broken_line = file->xml.problem_line;
		return;
	}
	if (file->xml.is_odd || !file->xml.count || !str_eq(root, "zone"))
		return;
	target = xml_get(&file->xml.items[0], "target");
	if (target && !is_target(target)) {
		file->broken = "a target that there is not";
		file->broken_line = file->xml.items[0].line;
	}
	vec_foreach (element, &file->xml) {
		bool is_port = str_eq(element->name, "port") ||
			       str_eq(element->name, "source-port") ||
			       str_eq(element->name, "forward-port");

		if ((str_eq(element->name, "service") && !xml_get(element, "name")) ||
		    (is_port && (!xml_get(element, "port") || !xml_get(element, "protocol"))) ||
		    (str_eq(element->name, "protocol") && !xml_get(element, "value"))) {
			file->broken = "an element that lacks a necessary attribute";
			file->broken_line = element->line;
			return;
		}
	}
}

static int read_dir(struct firewalld *fw, const char *base, const char *kind, const char *root,
		    struct firewalld_files *files, struct err *err)
{
	cleanup(free) char *dir = mem_printf("%s/%s", base, kind);
	const struct tree_names *names = machine_list(fw->machine, dir);

	if (!names)
		return err_set(err, ERR_COULD_NOT_TELL, "%s cannot be listed", dir);
	vec_foreach (name, names) {
		cleanup(free) char *path = mem_printf("%s/%s", dir, *name);
		struct err why = ERR_INIT;
		struct firewalld_file *file;
		const struct str *text;

		if (!str_ends(*name, ".xml")) {
			fw->is_odd |= str_eq(root, "zone") && str_eq(base, ETC) &&
				      tree_is_dir(machine_tree(fw->machine), path);
			continue;
		}
		if (files->count == FILES_MAX) {
			fw->is_odd = true;
			return 0;
		}
		text = machine_file(fw->machine, path, &why);
		if (!text) {
			fw->is_odd = true;
			continue;
		}
		file = vec_add(files);
		file->name = mem_strndup(*name, strlen(*name) - 4);
		file->path = TAKE(path);
		file->is_etc = str_eq(base, ETC);
		file->text = text;
		xml_read(text, &file->xml);
		judge_file(file, root);
		fw->is_refused |= file->is_etc && file->broken;
		fw->is_odd |= file->xml.is_odd;
	}
	return 0;
}

/* "DefaultZone=drop": the first one counts; spaces around "=" do not matter. */
static void read_conf(struct firewalld *fw)
{
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(fw->machine, CONF, &ignored);
	uint32_t number = 0;

	fw->default_zone = mem_strdup("public");
	if (!text)
		return;
	for (const char *at = text->s; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		cleanup(free) char *line = mem_strndup(at, strcspn(at, "\n"));
		char key[32] = "", value[64] = "", rest[2] = "";

		number++;
		if (sscanf(line, " %31[^= \t] = %63[^= \t\r\n] %1s", key, value, rest) != 2 ||
		    !str_eq(key, "DefaultZone"))
			continue;
		free(fw->default_zone);
		fw->default_zone = mem_strdup(value);
		fw->default_line = number;
		return;
	}
}

int firewalld_read(const struct machine *machine, struct firewalld *ret, struct err *err)
{
	static const char *const rivals[] = { "iptables.service", "ip6tables.service",
					      "nftables.service", "ufw.service",
					      "netfilter-persistent.service" };
	static const char *const bases[] = { VENDOR, ETC };

	*ret = (struct firewalld){ .machine = machine };
	ret->has_vendor = tree_is_dir(machine_tree(machine), VENDOR "/zones");
	for (size_t i = 0; i < ARRAY_LEN(rivals); i++)
		ret->is_contested |= machine_unit(machine, rivals[i]) == UNIT_ENABLED;
	for (size_t i = 0; i < ARRAY_LEN(bases); i++)
		if (read_dir(ret, bases[i], "zones", "zone", &ret->zones, err) < 0 ||
		    read_dir(ret, bases[i], "services", "service", &ret->services, err) < 0 ||
		    read_dir(ret, bases[i], "policies", "policy", &ret->policies, err) < 0)
			return -1;
	read_conf(ret);
	return 0;
}

static void files_done(struct firewalld_files *files)
{
	vec_foreach (file, files) {
		free(file->name);
		free(file->path);
		xml_done(&file->xml);
	}
	vec_done(files);
}

void firewalld_done(struct firewalld *fw)
{
	files_done(&fw->zones);
	files_done(&fw->services);
	files_done(&fw->policies);
	free(fw->default_zone);
}

/* The vendor's files come first, so the last good one counts. */
static const struct firewalld_file *find(const struct firewalld_files *files,
					 enum firewalld_start start, const char *name)
{
	const struct firewalld_file *found = NULL;

	vec_foreach (file, files)
		if (str_eq(file->name, name) && !file->broken &&
		    !(file->is_etc && start == FIREWALLD_STOCK))
			found = file;
	return found;
}

const struct firewalld_file *firewalld_zone(const struct firewalld *fw, enum firewalld_start start,
					    const char *name)
{
	return find(&fw->zones, start, name);
}

const struct firewalld_file *firewalld_default(const struct firewalld *fw,
					       enum firewalld_start start)
{
	const char *names[] = { start == FIREWALLD_STOCK ? "public" : fw->default_zone, "public",
				"external", "block" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct firewalld_file *zone = firewalld_zone(fw, start, names[i]);

		/* On a volume without the vendor's zones, another may be the one. */
		if (zone || !fw->has_vendor)
			return zone;
	}
	return NULL;
}

bool firewalld_port_in(const char *text, uint16_t port, bool unknown)
{
	unsigned long first, last;
	const char *dash;
	char *end;

	first = last = strtoul(text, &end, 10);
	if (end == text)
		return unknown;
	dash = end + strspn(end, " \t");
	if (*dash == '-') {
		last = strtoul(dash + 1, &end, 10);
		if (end == dash + 1)
			return unknown;
	}
	return *end ? unknown : port >= first && port <= last;
}

static bool is_tcp(const char *protocol)
{
	return protocol && (str_eq(protocol, "tcp") || str_eq(protocol, "6"));
}

static bool service_has(const struct firewalld *fw, enum firewalld_start start, const char *service,
			uint16_t port, bool unknown, unsigned depth)
{
	const struct firewalld_file *file = find(&fw->services, start, service);

	if (!file)
		return str_eq(service, "ssh") ? port == 22 : unknown;
	if (file->xml.is_odd || depth > 4)
		return unknown;
	vec_foreach (element, &file->xml) {
		const char *value = xml_get(element, "port"), *included;

		if (str_eq(element->name, "port") && is_tcp(xml_get(element, "protocol")) &&
		    value && (!*value || firewalld_port_in(value, port, unknown)))
			return true;
		if (str_eq(element->name, "protocol") && is_tcp(xml_get(element, "value")))
			return true;
		if (str_eq(element->name, "source-port"))
			return unknown;
		included = str_eq(element->name, "include") ? xml_get(element, "service") : NULL;
		if (included && service_has(fw, start, included, port, unknown, depth + 1))
			return true;
	}
	return false;
}

bool firewalld_service_has(const struct firewalld *fw, enum firewalld_start start,
			   const char *service, uint16_t port, bool unknown)
{
	return service_has(fw, start, service, port, unknown, 0);
}
