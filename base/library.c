/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/library.h"

#include <dlfcn.h>
#include <string.h>

int library_load(struct library *library, struct err *err)
{
	void *handle;

	if (library->is_loaded)
		return 0;
	handle = dlopen(library->soname, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return err_set(err, ERR_TOOL, "%s could not be loaded (%s); install %s",
			       library->soname, dlerror(), library->package);
	for (size_t i = 0; i < library->count; i++) {
		void *function = dlsym(handle, library->names[i]);

		if (!function)
			return err_set(err, ERR_TOOL, "%s is too old: it has no %s; update %s",
				       library->soname, library->names[i], library->package);
		memcpy((char *)library->functions + i * sizeof(function), &function,
		       sizeof(function));
	}
	library->is_loaded = true;
	return 0;
}
