// fluxmap: an in-memory, ordered, transactional key-value store with a coroutine API. Include this.
#pragma once

#include <fluxmap/builder.hpp>
#include <fluxmap/clock.hpp>
#include <fluxmap/codec.hpp>
#include <fluxmap/concepts.hpp>
#include <fluxmap/config.hpp>
#include <fluxmap/database.hpp>
#include <fluxmap/error.hpp>
#include <fluxmap/fwd.hpp>
#include <fluxmap/handle.hpp>
#include <fluxmap/memory_size.hpp>
#include <fluxmap/options.hpp>
#include <fluxmap/range_stream.hpp>
#include <fluxmap/stats.hpp>
#include <fluxmap/transaction.hpp>
#include <fluxmap/version.hpp>
