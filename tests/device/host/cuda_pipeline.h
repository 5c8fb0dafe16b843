#pragma once

#include "memory_functions.h"
