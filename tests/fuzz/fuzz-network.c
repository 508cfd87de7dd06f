/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network of everything but /etc/sysconfig: netplan's YAML and its reader, then the checks of all stacks. */
#include "fs/lines.h"
#include "fs/yaml.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/patient.h"

#define DIR "/etc/netplan"

/* Every node stands in the text, and its children in it. A text that ends in a newline ends in a line more. */
static void expect_in_place(const struct yaml_node *node, uint32_t from, uint32_t to)
{
	if (node->line < from || node->end_line < node->line || node->end_line > to)
		fuzz_broken("lines %u to %u are not in %u to %u", node->line, node->end_line, from,
			    to);
	if ((node->kind == YAML_SCALAR) != (node->value != NULL))
		fuzz_broken("a node in line %u has no text, or one too many", node->line);
	for (const struct yaml_node *child = node->first; child; child = child->next)
		expect_in_place(child, node->line, to);
}

static void read_yaml(struct tree *tree, const char *name)
{
	cleanup(free) char *path = mem_printf(DIR "/%s", name);
	cleanup(str_done) struct str text = STR_INIT;
	cleanup(yaml_doc_done) struct yaml_doc doc = { 0 };
	struct err ignored;

	if (tree_read(tree, path, TREE_FILE_MAX, &text, &ignored) < 0)
		return;
	yaml_read(&text, &doc);
	fuzz_printable("a problem", doc.problem, false);
	if (doc.is_bad && doc.root)
		fuzz_broken("what is no YAML was read");
	/* libyaml knows other line ends than \n, too: then its lines are not these. */
	if (doc.root && !memchr(text.s, '\r', text.len) && !memchr(text.s, 0xc2, text.len) &&
	    !memchr(text.s, 0xe2, text.len) && !memchr(text.s, '\0', text.len))
		expect_in_place(doc.root, 1, lines_count(text.s, text.len) + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const checks_meant[] = {
		"network-stack", "interfaces-",	   "networkd-", "netplan-", "nm-", "dhclient-",
		"resolv-",	 "sysctl-network", "mtu",	"docker-",  NULL
	};
	cleanup(patient_done) struct patient patient;
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct err ignored;

	patient_read(data, size, &patient);
	if (!tree_list(patient.tree, DIR, &names, &ignored))
		vec_foreach (name, &names)
			read_yaml(patient.tree, *name);
	patient_law(&patient, checks_meant);
	return 0;
}
