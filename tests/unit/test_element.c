/* SPDX-License-Identifier: Apache-2.0
 *
 * Element types: every code of every small float, roundings against a search over all codes, and
 * the corners of Cast.
 */
#include "runtime/element.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const TnElementType small_types[] = {
    TN_FLOAT16,        TN_BFLOAT16,   TN_FLOAT8E4M3FN, TN_FLOAT8E4M3FNUZ, TN_FLOAT8E5M2,
    TN_FLOAT8E5M2FNUZ, TN_FLOAT4E2M1, TN_FLOAT6E2M3,   TN_FLOAT6E3M2,
};

static void test_facts(void **state)
{
    (void)state;
    assert_string_equal(element_name(TN_BFLOAT16), "bfloat16");
    assert_int_equal(element_by_name("float8e4m3fnuz"), TN_FLOAT8E4M3FNUZ);
    assert_int_equal(element_by_name("floaty"), TN_UNDEFINED);
    assert_int_equal(element_compute_type(TN_FLOAT4E2M1), TN_FLOAT);
    assert_int_equal(element_compute_type(TN_INT2), TN_INT8);
    assert_int_equal(element_compute_type(TN_DOUBLE), TN_DOUBLE);
    assert_false(element_is_valid(0));
    assert_true(element_is_valid(28));
    assert_false(element_is_valid(29));
    int64_t bytes;
    assert_true(element_packed_bytes(TN_FLOAT6E2M3, 5, &bytes));
    assert_int_equal(bytes, 4);
    assert_true(element_packed_bytes(TN_INT4, INT64_MAX / 4, &bytes));
    assert_false(element_packed_bytes(TN_INT4, INT64_MAX / 2, &bytes));
    assert_false(element_packed_bytes(TN_FLOAT, INT64_MAX / 2, &bytes));
    assert_false(element_packed_bytes(TN_FLOAT, -1, &bytes));
    for (int i = 1; i < ELEMENT_TYPE_COUNT; i++) {
        assert_true(element_kind((TnElementType)i) != ELEMENT_KIND_NONE);
        assert_int_equal(element_by_name(element_name((TnElementType)i)), i);
    }
}

static void test_known_codes(void **state)
{
    (void)state;
    static const struct {
        TnElementType type;
        uint32_t code;
        float value;
    } table[] = {
        {TN_FLOAT16, 0x3c00, 1},           {TN_FLOAT16, 0x7bff, 65504},
        {TN_FLOAT16, 0x0001, 0x1p-24f},    {TN_FLOAT16, 0xfc00, -INFINITY},
        {TN_BFLOAT16, 0x3f80, 1},          {TN_BFLOAT16, 0x0001, 0x1p-133f},
        {TN_FLOAT8E4M3FN, 0x7e, 448},      {TN_FLOAT8E4M3FN, 0x01, 0x1p-9f},
        {TN_FLOAT8E4M3FNUZ, 0x7f, 240},    {TN_FLOAT8E4M3FNUZ, 0x01, 0x1p-10f},
        {TN_FLOAT8E5M2, 0x7b, 57344},      {TN_FLOAT8E5M2, 0x7c, INFINITY},
        {TN_FLOAT8E5M2FNUZ, 0xff, -57344}, {TN_FLOAT8E5M2FNUZ, 0x01, 0x1p-17f},
        {TN_FLOAT4E2M1, 0x7, 6},           {TN_FLOAT4E2M1, 0x9, -0.5f},
        {TN_FLOAT6E2M3, 0x1f, 7.5f},       {TN_FLOAT6E2M3, 0x01, 0.125f},
        {TN_FLOAT6E3M2, 0x1f, 28},         {TN_FLOAT6E3M2, 0x01, 0.0625f},
        {TN_FLOAT8E8M0, 0, 0x1p-127f},     {TN_FLOAT8E8M0, 127, 1},
        {TN_FLOAT8E8M0, 254, 0x1p127f},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_true(element_small_to_float(table[i].type, table[i].code) == table[i].value);
        assert_int_equal(element_float_to_small(table[i].type, table[i].value, false),
                         table[i].code);
    }
}

static bool code_is_nan(TnElementType type, uint32_t code)
{
    return isnan(element_small_to_float(type, code));
}

static void test_every_code_returns(void **state)
{
    (void)state;
    for (size_t t = 0; t < sizeof small_types / sizeof *small_types; t++) {
        TnElementType type = small_types[t];
        for (uint32_t code = 0; code < 1u << element_bits(type); code++) {
            float value = element_small_to_float(type, code);
            uint32_t back = element_float_to_small(type, value, false);
            if (code_is_nan(type, code))
                assert_true(code_is_nan(type, back));
            else
                assert_int_equal(back, code);
        }
    }
    for (uint32_t code = 0; code < 256; code++)
        assert_int_equal(element_float_to_small(TN_FLOAT8E8M0,
                                                element_small_to_float(TN_FLOAT8E8M0, code), false),
                         code);
}

/* Between two neighbours: the nearer one, at the middle the even one. */
static void test_rounding(void **state)
{
    (void)state;
    for (size_t t = 0; t < sizeof small_types / sizeof *small_types; t++) {
        TnElementType type = small_types[t];
        for (uint32_t code = 0; code + 1 < 1u << (element_bits(type) - 1); code++) {
            double low = (double)element_small_to_float(type, code);
            double high = (double)element_small_to_float(type, code + 1);
            if (!isfinite(low) || !isfinite(high))
                continue;
            double middle = (low + high) / 2;
            uint32_t bits = 0;
            element_from_double(type, middle, false, &bits);
            assert_int_equal(bits, code & 1 ? code + 1 : code);
            element_from_double(type, nextafter(middle, 0), false, &bits);
            assert_int_equal(bits, code);
            element_from_double(type, nextafter(middle, INFINITY), false, &bits);
            assert_int_equal(bits, code + 1);
        }
    }
}

static void test_overflow(void **state)
{
    (void)state;
    assert_int_equal(element_float_to_small(TN_FLOAT16, 65519.9f, true), 0x7bff);
    assert_int_equal(element_float_to_small(TN_FLOAT16, 65520, true), 0x7c00);
    assert_int_equal(element_float_to_small(TN_BFLOAT16, 3.4e38f, true), 0x7f80);
    assert_int_equal(element_float_to_small(TN_FLOAT8E4M3FN, 464, false), 0x7e);
    assert_int_equal(element_float_to_small(TN_FLOAT8E4M3FN, 465, false), 0x7f);
    assert_int_equal(element_float_to_small(TN_FLOAT8E4M3FN, -465, true), 0xfe);
    assert_int_equal(element_float_to_small(TN_FLOAT8E4M3FN, INFINITY, true), 0x7e);
    assert_int_equal(element_float_to_small(TN_FLOAT8E4M3FN, INFINITY, false), 0x7f);
    assert_int_equal(element_float_to_small(TN_FLOAT8E4M3FNUZ, INFINITY, false), 0x80);
    assert_int_equal(element_float_to_small(TN_FLOAT8E4M3FNUZ, -1e9f, true), 0xff);
    assert_int_equal(element_float_to_small(TN_FLOAT8E5M2, 1e9f, false), 0x7c);
    assert_int_equal(element_float_to_small(TN_FLOAT8E5M2, 1e9f, true), 0x7b);
    assert_int_equal(element_float_to_small(TN_FLOAT8E5M2, -INFINITY, true), 0xfb);
    assert_int_equal(element_float_to_small(TN_FLOAT8E5M2FNUZ, NAN, true), 0x80);
    assert_int_equal(element_float_to_small(TN_FLOAT8E4M3FNUZ, -0.f, true), 0);
    assert_int_equal(element_float_to_small(TN_FLOAT8E4M3FNUZ, -1e-9f, true), 0);
    assert_int_equal(element_float_to_small(TN_FLOAT8E4M3FN, -0.f, true), 0x80);
    assert_int_equal(element_float_to_small(TN_FLOAT4E2M1, -100, false), 0xf);
    assert_int_equal(element_float_to_small(TN_FLOAT4E2M1, NAN, false), 8);
    assert_int_equal(element_float_to_small(TN_FLOAT6E2M3, INFINITY, false), 0x1f);
    assert_int_equal(element_float_to_small(TN_FLOAT8E8M0, 3, true), 129);
    assert_int_equal(element_float_to_small(TN_FLOAT8E8M0, 4, true), 129);
    assert_int_equal(element_float_to_small(TN_FLOAT8E8M0, 0, true), 0);
    assert_int_equal(element_float_to_small(TN_FLOAT8E8M0, 3e38f, true), 254);
    assert_int_equal(element_float_to_small(TN_FLOAT8E8M0, 3e38f, false), 255);
}

static int64_t cast_to_integer(TnElementType type, double value)
{
    uint64_t element = 0;
    element_from_double(type, value, true, &element);
    return element_to_int64(type, &element);
}

static void test_float_to_integer(void **state)
{
    (void)state;
    assert_int_equal(cast_to_integer(TN_INT32, -1.9), -1);
    assert_int_equal(cast_to_integer(TN_INT32, NAN), 0);
    assert_int_equal(cast_to_integer(TN_INT32, 1e30), INT32_MAX);
    assert_int_equal(cast_to_integer(TN_INT64, 9.3e18), INT64_MAX);
    assert_int_equal(cast_to_integer(TN_INT64, -INFINITY), INT64_MIN);
    assert_int_equal(cast_to_integer(TN_UINT64, 1e30), -1);
    assert_int_equal(cast_to_integer(TN_UINT64, 0x1p63), INT64_MIN);
    assert_int_equal(cast_to_integer(TN_UINT8, -3), 0);
    assert_int_equal(cast_to_integer(TN_UINT8, 255.9), 255);
    assert_int_equal(cast_to_integer(TN_BOOL, NAN), 1);
    assert_int_equal(cast_to_integer(TN_BOOL, -0.0), 0);
    assert_int_equal(cast_to_integer(TN_INT4, -9), 7);
    assert_int_equal(cast_to_integer(TN_UINT4, 17.5), 1);
    assert_int_equal(cast_to_integer(TN_INT2, 2), -2);
}

static void test_integer_to_any(void **state)
{
    (void)state;
    uint64_t element = 0;
    element_from_int64(TN_INT4, 200, &element);
    assert_int_equal(element_to_int64(TN_INT4, &element), -8);
    element_from_int64(TN_UINT8, -1, &element);
    assert_int_equal(element_to_int64(TN_UINT8, &element), 255);
    element_from_int64(TN_BOOL, 256, &element);
    assert_int_equal(element_to_int64(TN_BOOL, &element), 1);

    /* Just above the middle of two bfloat16: rounding to double on the way would fall on it. */
    int64_t above = ((int64_t)0x101 << 54) + 1;
    element = 0;
    element_from_int64(TN_BFLOAT16, above, &element);
    assert_true(element_to_double(TN_BFLOAT16, &element) == 0x1.02p62);
    element_from_int64(TN_BFLOAT16, above - 1, &element);
    assert_true(element_to_double(TN_BFLOAT16, &element) == 0x1p62);
}

static void test_packing(void **state)
{
    (void)state;
    static const TnElementType types[] = {TN_INT4,       TN_UINT4,      TN_INT2,       TN_UINT2,
                                          TN_FLOAT6E2M3, TN_FLOAT6E3M2, TN_FLOAT4E2M1, TN_FLOAT16};
    uint8_t packed[64], again[64], elements[128];
    for (size_t i = 0; i < sizeof packed; i++)
        packed[i] = (uint8_t)(i * 37 + 11);
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (int64_t count = 0; count < 14; count++) {
            int64_t bytes;
            assert_true(element_packed_bytes(types[t], count, &bytes));
            memset(again, 0xcc, sizeof again);
            element_unpack(types[t], count, packed, elements);
            element_pack(types[t], count, elements, again);
            int rest = (int)(count * element_bits(types[t]) % 8);
            if (rest) {
                assert_memory_equal(again, packed, (size_t)bytes - 1);
                assert_int_equal(again[bytes - 1], packed[bytes - 1] & ((1 << rest) - 1));
            } else if (bytes) {
                assert_memory_equal(again, packed, (size_t)bytes);
            }
            assert_int_equal(again[bytes], 0xcc);
        }
    element_unpack(TN_INT4, 2, (uint8_t[]){0x8f}, elements);
    assert_int_equal((int8_t)elements[0], -1);
    assert_int_equal((int8_t)elements[1], -8);
    element_unpack(TN_FLOAT6E2M3, 4, (uint8_t[]){0x41, 0x20, 0x0c}, elements);
    assert_memory_equal(elements, ((uint8_t[]){1, 1, 2, 3}), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_known_codes),
        cmocka_unit_test(test_every_code_returns),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_float_to_integer),
        cmocka_unit_test(test_integer_to_any),
        cmocka_unit_test(test_packing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
