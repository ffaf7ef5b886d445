/* A stand-in for Oracle's client library, libclntsh.so.19.1: just what python-oracledb asks of it
 * while it starts in thick mode. It reaches no database. See ODPI-C's dpiGlobal.c. */
#include <stddef.h>

static int handle;
static void *thread_value;

void OCIClientVersion(int *major, int *minor, int *update, int *patch, int *port_update)
{
    *major = 19;
    *minor = 99;
    *update = *patch = *port_update = 0;
}

int OCIEnvNlsCreate(void **environment) { *environment = &handle; return 0; }
int OCIHandleAlloc(void *environment, void **allocated) { *allocated = &handle; return 0; }
int OCIHandleFree(void) { return 0; }
int OCIAttrGet(void) { return 0; }
int OCIAttrSet(void) { return 0; }
int OCIThreadProcessInit(void) { return 0; }
int OCIThreadKeyInit(void) { return 0; }
int OCIThreadKeyDestroy(void) { return 0; }

int OCIThreadKeyGet(void *environment, void *error, void *key, void **value)
{
    *value = thread_value;
    return 0;
}

int OCIThreadKeySet(void *environment, void *error, void *key, void *value)
{
    thread_value = value;
    return 0;
}
