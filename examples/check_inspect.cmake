# What durable_counter leaves is looked at with fluxmap-inspect: as it is, and damaged.
#   cmake -D counter=PROGRAM -D inspect=PROGRAM -P check_inspect.cmake
cmake_minimum_required(VERSION 3.21...3.30)

function(expect code pattern)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(NOT result STREQUAL code OR NOT text MATCHES "${pattern}")
    message(FATAL_ERROR "${ARGN}: exit code ${result} instead of ${code}, or no '${pattern}' in\n${text}")
  endif()
endfunction()

# A copy of the counter's directory, in `copy`.
function(take_copy)
  file(REMOVE_RECURSE copy)
  file(COPY data/ DESTINATION copy)
endfunction()

file(REMOVE_RECURSE data copy)
expect(2 "No such file" "${inspect}" data)
expect(2 "usage" "${inspect}")
foreach(run IN ITEMS 1 2 3 4 5)
  expect(0 "run ${run}," "${counter}" data)
endforeach()
expect(0 "0 faults.*can be opened.*with 5 entries, then 1 commits.*The last timestamp is 5. 0 bytes of a torn"
  "${inspect}" data)
expect(0 "block, 5 entries.*opened, timestamp 0.*commit, timestamp 5.*closed, timestamp 5"
  "${inspect}" --records --checkpoints --bytes=8 data)

set(log log-0000000000000001.fluxlog)
set(checkpoint checkpoint-0000000000000004.fluxmap)

take_copy()
file(APPEND copy/${log} "torn")
expect(0 "0 faults.*[1-9][0-9]* bytes of a torn tail are cut off" "${inspect}" copy)

take_copy()
file(APPEND copy/${checkpoint} "more")
expect(1 "FAULT: ${checkpoint} at offset [0-9]+: bytes stand.*cannot be opened" "${inspect}" copy)

take_copy()
file(WRITE copy/${log} "not a log")
expect(1 "FAULT: ${log} at offset 0: the header.*cannot be opened" "${inspect}" copy)

take_copy()
file(REMOVE copy/${log})
expect(1 "FAULT: ${log} at offset 0: the segment is missing.*cannot be opened" "${inspect}" copy)

file(REMOVE copy/${checkpoint})
expect(0 "No database is here" "${inspect}" copy)
