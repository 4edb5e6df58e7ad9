/* Rows packed in runs, followed without unpacking them: of PSD (PackBits, Apple TN1023) and of SGI (draft 0.97). */
#ifndef MODELS_PACKED_H
#define MODELS_PACKED_H

#include <stdint.h>

/* Pixels of a row whose packets fill `bytes` exactly, else -1: n < 128 is followed by n + 1 pixels, 128 by nothing, any
 * other n by one that stands 257 - n times. */
static int64_t packbits_row(const uint8_t *from, int64_t bytes)
{
    int64_t at = 0, made = 0;
    while (at < bytes) {
        const int n = from[at++];
        if (n == 128)
            continue;
        made += n < 128 ? n + 1 : 257 - n;
        at += n < 128 ? n + 1 : 1;
    }
    return at == bytes ? made : -1;
}

/* The same of SGI, in units of `each` bytes: the lowest seven bits of the last one are the count, and the eighth says
 * that as many pixels follow, not one. Some writers leave out the count of 0 that ends a row. */
static int64_t sgi_row(const uint8_t *from, int64_t bytes, int64_t each)
{
    int64_t at = 0, made = 0;
    while (at + each <= bytes) {
        const int n = from[at + each - 1] & 127, literal = from[at + each - 1] & 128;
        at += each;
        if (!n)
            return made;
        made += n;
        at += each * (literal ? n : 1);
    }
    return at == bytes ? made : -1;
}

/* The first row that lies outside of `data` or does not make `width` units, else -1. `each`: 0 for PackBits. */
static int64_t first_bad_row(const uint8_t *data, int64_t size, const int64_t *starts, const int64_t *lengths,
                             int64_t rows, int64_t width, int64_t each)
{
    for (int64_t i = 0; i < rows; i++) {
        const int64_t start = starts[i], bytes = lengths[i];
        if (start < 0 || bytes < 0 || start > size || bytes > size - start)
            return i;
        if ((each ? sgi_row(data + start, bytes, each) : packbits_row(data + start, bytes)) != width)
            return i;
    }
    return -1;
}

#endif
