/*
 * string.h - for compilers without a C library: what runtime, packages and tests use of it.
 */
#ifndef STRING_H
#define STRING_H

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
size_t strlen(const char *text);

#endif
