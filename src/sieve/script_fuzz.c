/* The compiler on any script; what compiles is the same program again after a way through byte code. */
#include "sieve/fuzzing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sieve_program *program, *again;
    struct sieve_complaints complaints;
    struct error error;
    if (sieve_compile(slice_of(data, size), SIEVE_ALL, &program, &complaints, &error) != ERR_OK)
        return 0;
    CLEANUP(buf_release) struct buf code = BUF(SIEVE_CODE_MAX), second = BUF(SIEVE_CODE_MAX);
    sieve_program_put(program, &code);
    must(sieve_program_load(buf_slice(&code), &again, &error) == ERR_OK);
    sieve_program_put(again, &second);
    must(slice_eq(buf_slice(&code), buf_slice(&second)));
    sieve_program_free(program);
    sieve_program_free(again);
    return 0;
}
