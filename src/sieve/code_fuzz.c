/* Byte code from anywhere: what loads also runs. Its head, which stands for the tables, is put before the
 * input. */
#include "sieve/fuzzing.h"

enum { HEAD = 12 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sieve_program *program;
    struct sieve_complaints complaints;
    struct error error;
    CLEANUP(buf_release) struct buf code = BUF(2 * SIEVE_CODE_MAX);
    must(sieve_compile(S("keep;"), SIEVE_ALL, &program, &complaints, &error) == ERR_OK);
    sieve_program_put(program, &code);
    sieve_program_free(program);
    code.n = HEAD;
    buf_put(&code, slice_of(data, size));
    if (sieve_program_load(buf_slice(&code), &program, &error) != ERR_OK)
        return 0;
    fuzz_run(program, S("From: a@b.example\r\nTo: anna@demo.example\r\nSubject: x y\r\n\r\nbody\r\n"));
    sieve_program_free(program);
    return 0;
}
