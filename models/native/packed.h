/* Length checks of run-length coded rows without unpacking them: PSD (PackBits, Apple TN1023) and SGI (draft 0.97). */
#ifndef MODELS_PACKED_H
#define MODELS_PACKED_H

#include <stdint.h>

/* Return the pixels of a row whose packets fill `bytes` exactly, else -1. n < 128: n + 1 pixels follow; 128: nothing;
 * larger n: one pixel follows, repeated 257 - n times. */
static int64_t packbits_row(const uint8_t *from, int64_t bytes)
{
    int64_t at = 0, pixels = 0;
    while (at < bytes) {
        const int n = from[at++];
        if (n == 128)
            continue;
        pixels += n < 128 ? n + 1 : 257 - n;
        at += n < 128 ? n + 1 : 1;
    }
    return at == bytes ? pixels : -1;
}

/* The same for SGI, in units of `unit_bytes`: the lowest seven bits of the last byte are the count; the eighth means
 * that as many pixels follow, instead of one. Some writers omit the count of 0 that ends a row. */
static int64_t sgi_row(const uint8_t *from, int64_t bytes, int64_t unit_bytes)
{
    int64_t at = 0, pixels = 0;
    while (at + unit_bytes <= bytes) {
        const int n = from[at + unit_bytes - 1] & 127, literal = from[at + unit_bytes - 1] & 128;
        at += unit_bytes;
        if (!n)
            return pixels;
        pixels += n;
        at += unit_bytes * (literal ? n : 1);
    }
    return at == bytes ? pixels : -1;
}

/* Return the first row that is outside `data` or does not unpack to `width` units, else -1. `unit_bytes`: 0 for
 * PackBits. */
static int64_t first_bad_row(const uint8_t *data, int64_t size, const int64_t *starts, const int64_t *lengths,
                             int64_t rows, int64_t width, int64_t unit_bytes)
{
    for (int64_t i = 0; i < rows; i++) {
        const int64_t start = starts[i], bytes = lengths[i];
        if (start < 0 || bytes < 0 || start > size || bytes > size - start)
            return i;
        if ((unit_bytes ? sgi_row(data + start, bytes, unit_bytes) : packbits_row(data + start, bytes)) != width)
            return i;
    }
    return -1;
}

#endif
