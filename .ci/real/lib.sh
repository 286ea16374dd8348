# What the checks with real parts have in common; sourced by them.
#
# Each check starts what it needs on free ports, below a scratch folder, and stops it all again. What has to be
# installed goes to the cache of .ci/run, but for PostgreSQL and Java, which come from Debian's packages where they
# are missing.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

cache=${CRUDDUR_CI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cruddur-ci}
target=${CARGO_TARGET_DIR:-target}
scratch=$(mktemp -d)
# PostgreSQL's server runs as a user of its own, who has to get through.
chmod 755 "$scratch"
children=()
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}

stop_all() {
    local status=$?
    local child
    for child in "${children[@]}"; do
        kill "$child" 2>/dev/null || true
        # One that was stopped would not hear it.
        kill -CONT "$child" 2>/dev/null || true
    done
    [[ -e $scratch/postgres/postmaster.pid ]] && stop_postgres
    for child in "${children[@]}"; do
        wait "$child" 2>/dev/null || true
    done
    if ((status)); then
        echo "--- the ends of the logs"
        tail -n 25 "$scratch"/*.log 2>/dev/null || true
    fi
    rm -rf "$scratch"
    exit "$status"
}
trap stop_all EXIT
trap 'exit 130' INT TERM

say() { printf -- '--- %s\n' "$*"; }

die() { printf 'FAILED: %s\n' "$*"; exit 1; }

# free_port: one of which the two behind it are free as well (the stack's engines have these), and not among those that
# Linux gives to connections that go out: another's would take it before it is used.
free_port() {
    python3 -c '
import random, socket
while True:
    port = random.randrange(20_000, 32_000)
    try:
        for number in range(port, port + 3):
            with socket.socket() as listener:
                listener.bind(("127.0.0.1", number))
    except OSError:
        continue
    print(port)
    break'
}

# start NAME COMMAND...: runs it in the background, with its output in NAME.log.
start() {
    local name=$1
    shift
    "$@" >"$scratch/$name.log" 2>&1 </dev/null &
    children+=($!)
    last_child=$!
}

# wait_until SECONDS WHAT COMMAND...: repeats the command until it succeeds.
wait_until() {
    local seconds=$1 what=$2
    shift 2
    local end=$((SECONDS + seconds))
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || die "$what within $seconds s"
        sleep 0.2
    done
}

answers() { curl --silent --output /dev/null --max-time 2 "$1"; }

listens() { (: <"/dev/tcp/127.0.0.1/$1"); }

# status_of CURL-ARGUMENTS...: the status of an answer, 000 where there is none.
status_of() { curl --silent --output /dev/null --max-time 20 --write-out '%{http_code}' "$@" || true; }

# expect WHAT EXPECTED ACTUAL
expect() {
    [[ $2 == "$3" ]] || die "$1: expected $2, got $3"
    echo "ok: $1"
}

apt_install() {
    say "installing $*"
    local sudo=()
    ((EUID == 0)) || sudo=(sudo)
    "${sudo[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -qq -y --no-install-recommends "$@" >/dev/null
}

# --- PostgreSQL's server -----------------------------------------------------------------------------------------

install_postgres() {
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || apt_install postgresql
    # The newest, where there are several.
    postgres_bin=$(dirname "$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1)")
    "$postgres_bin/postgres" --version
}

# as_postgres COMMAND...: the server refuses to run as root.
as_postgres() {
    if ((EUID == 0)); then
        (cd / && runuser -u postgres -- "$@")
    else
        "$@"
    fi
}

# create_postgres: an empty cluster, whose users need no password.
create_postgres() {
    install_postgres
    mkdir "$scratch/postgres"
    ((EUID)) || chown postgres "$scratch/postgres"
    as_postgres "$postgres_bin/initdb" --pgdata "$scratch/postgres" --username postgres --auth trust \
        --no-sync --encoding UTF8 >/dev/null
    postgres_port=$(free_port)
}

# start_postgres OPTIONS...
start_postgres() {
    as_postgres "$postgres_bin/pg_ctl" --pgdata "$scratch/postgres" --log "$scratch/postgres/server.log" --silent -w \
        --options "-h 127.0.0.1 -p $postgres_port -k '' $*" start >/dev/null
}

stop_postgres() {
    as_postgres "$postgres_bin/pg_ctl" --pgdata "$scratch/postgres" --silent --mode fast stop >/dev/null || true
}

# --- DynamoDB Local ----------------------------------------------------------------------------------------------

dynamodb_local_version=2.9.30

install_dynamodb_local() {
    command -v java >/dev/null || apt_install default-jre-headless
    dynamodb_local=$cache/dynamodb-local-$dynamodb_local_version
    if [[ ! -e $dynamodb_local/complete ]]; then
        command -v npm >/dev/null || apt_install npm
        rm -rf "$dynamodb_local"
        mkdir -p "$dynamodb_local"
        # The package that carries Amazon's jar.
        (cd "$dynamodb_local" && npm pack --silent "amplify-dynamodb-simulator@$dynamodb_local_version" >/dev/null &&
            tar xzf ./*.tgz && rm ./*.tgz)
        touch "$dynamodb_local/complete"
    fi
}

start_dynamodb_local() {
    install_dynamodb_local
    dynamodb_port=$(free_port)
    mkdir "$scratch/dynamodb"
    run_dynamodb_local
}

# run_dynamodb_local: on its port and data; sets dynamodb_child.
run_dynamodb_local() {
    # In a folder of its own: it writes a file with its telemetry to where it is.
    start dynamodb-local env --chdir "$scratch/dynamodb" java -Xmx512m -Djava.library.path="$dynamodb_local/package/emulator/DynamoDBLocal_lib" \
        -jar "$dynamodb_local/package/emulator/DynamoDBLocal.jar" -port "$dynamodb_port" -sharedDb -dbPath "$scratch/dynamodb"
    dynamodb_child=$last_child
    wait_until 60 'DynamoDB Local answers' answers "http://127.0.0.1:$dynamodb_port"
}

# --- Cognito, as moto has it ---------------------------------------------------------------------------------------

moto_version=5.2.5

# install_moto: sets moto, a folder with bin/moto_server and bin/python.
install_moto() {
    moto=$cache/moto-$moto_version
    if [[ ! -e $moto/complete ]]; then
        rm -rf "$moto"
        python3 -m venv "$moto"
        "$moto/bin/pip" install --quiet "moto[server]==$moto_version"
        touch "$moto/complete"
    fi
}

# --- Python's tools: cfn-lint, which reads templates ----------------------------------------------------------------

# install_cfn_lint: sets python_tools, a folder with bin/python and bin/cfn-lint.
install_cfn_lint() {
    python_tools=$cache/python-$(cksum <.ci/requirements.txt | cut -d' ' -f1)
    if [[ ! -e $python_tools/complete ]]; then
        rm -rf "$python_tools"
        python3 -m venv "$python_tools"
        "$python_tools/bin/pip" install --quiet --requirement .ci/requirements.txt
        touch "$python_tools/complete"
    fi
    "$python_tools/bin/cfn-lint" --version
}

# --- requests made of openapi.yaml -------------------------------------------------------------------------------

schemathesis_version=4.32.5

# install_schemathesis: sets schemathesis, the command.
install_schemathesis() {
    local folder=$cache/schemathesis-$schemathesis_version
    schemathesis=$folder/bin/schemathesis
    if [[ ! -e $folder/complete ]]; then
        rm -rf "$folder"
        python3 -m venv "$folder"
        "$folder/bin/pip" install --quiet "schemathesis==$schemathesis_version"
        touch "$folder/complete"
    fi
    "$schemathesis" --version
}

# --- fuzzing -----------------------------------------------------------------------------------------------------

cargo_fuzz_version=0.13.2

install_cargo_fuzz() {
    local folder=$cache/cargo-fuzz-$cargo_fuzz_version
    [[ -x $folder/bin/cargo-fuzz ]] ||
        env -u CARGO_TARGET_DIR cargo install cargo-fuzz --version "$cargo_fuzz_version" --locked --root "$folder"
    export PATH=$folder/bin:$PATH
    cargo fuzz --version
}

# --- The local stack ---------------------------------------------------------------------------------------------

# build_stack: the local stack, the functions, the command and the tests' programs. Of the whole workspace and with
# its tests, since any other choice has other features of the dependencies and compiles most of them again: so it
# takes what `cargo test --workspace` has built.
build_stack() {
    cargo build --locked --quiet --workspace --bins --tests
}

# start_stack ARGUMENTS...: sets stack_port and stack_child.
start_stack() {
    stack_port=${stack_port:-$(free_port)}
    start stack "$target/debug/local" --port "$stack_port" --client-dir "$scratch" "$@"
    stack_child=$last_child
    wait_until 120 'the local stack is up' answers "http://127.0.0.1:$stack_port/local/health"
}

stop_stack() {
    kill -INT "$stack_child"
    wait "$stack_child" || die "the stack ended with $?"
}

conversation() {
    "$target/debug/conversation" --api "$1" --tokens "${2:-$1}"
}

# --- cargo-lambda ------------------------------------------------------------------------------------------------

cargo_lambda_version=1.9.2

install_cargo_lambda() {
    cargo_lambda=$cache/cargo-lambda-$cargo_lambda_version
    if [[ ! -e $cargo_lambda/complete ]]; then
        rm -rf "$cargo_lambda"
        python3 -m venv "$cargo_lambda"
        "$cargo_lambda/bin/pip" install --quiet "cargo-lambda==$cargo_lambda_version"
        touch "$cargo_lambda/complete"
    fi
    # In front, since cargo-lambda looks for its Zig with this very python3.
    export PATH=$cargo_lambda/bin:$PATH
    cargo lambda --version
}

# build_functions: $target/lambda/NAME/bootstrap of each function, with the profile FUNCTIONS_PROFILE (release).
build_functions() {
    install_cargo_lambda
    cargo lambda build --locked --profile "${FUNCTIONS_PROFILE:-release}"
}

# start_cargo_lambda_watch OPTIONS...: in a copy of the checkout, since it wants the file .env there. Sets watch_port.
start_cargo_lambda_watch() {
    watch_port=$(free_port)
    mkdir "$scratch/checkout"
    git ls-files --cached --others --exclude-standard -z | xargs -0 cp --parents -t "$scratch/checkout"
    functions_environment >"$scratch/checkout/.env"
    CARGO_TARGET_DIR=$(realpath "$target") start watch env --chdir "$scratch/checkout" \
        cargo lambda watch --ignore-changes --invoke-address 127.0.0.1 --invoke-port "$watch_port" "$@"
    wait_until 60 'cargo lambda watch listens' listens "$watch_port"
}

# start_function NAME BINARY: with the environment of the caller.
start_function() {
    AWS_LAMBDA_RUNTIME_API=http://127.0.0.1:$watch_port/.rt/$1 AWS_LAMBDA_FUNCTION_NAME=$1 \
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256 AWS_LAMBDA_FUNCTION_VERSION=1 start "$1" "$2"
}

# invoke NAME FILE: the function's answer to the event.
invoke() {
    curl --silent --fail-with-body --max-time 60 --data-binary "@$2" \
        "http://127.0.0.1:$watch_port/2015-03-31/functions/$1/invocations"
}

# functions_environment: the variables of .env.example, for the stack that runs on stack_port.
functions_environment() {
    sed -e "s/4567/$stack_port/; s/4568/$((stack_port + 1))/; s/4569/$((stack_port + 2))/" .env.example
}

# --- the AWS SAM CLI ---------------------------------------------------------------------------------------------

sam_version=1.170.0

# install_sam: sets sam, the command.
install_sam() {
    local folder=$cache/sam-$sam_version
    sam=$folder/bin/sam
    export SAM_CLI_TELEMETRY=0
    if [[ ! -e $folder/complete ]]; then
        rm -rf "$folder"
        python3 -m venv "$folder"
        "$folder/bin/pip" install --quiet "aws-sam-cli==$sam_version"
        touch "$folder/complete"
    fi
    "$sam" --version
}

# --- certificates ------------------------------------------------------------------------------------------------

# authority NAME: tls/NAME.crt and tls/NAME.key
authority() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=$1" -keyout "$tls/$1.key" -out "$tls/$1.crt" \
        -addext 'basicConstraints=critical,CA:TRUE' 2>/dev/null
}

# certificate NAME SUBJECT-ALTERNATIVE-NAME [FIRST-DAY LAST-DAY], signed by `authority`
certificate() {
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$tls/$1.key" -out "$tls/$1.csr" 2>/dev/null
    : >"$tls/index.txt"
    openssl ca -batch -notext -config /dev/stdin -in "$tls/$1.csr" -out "$tls/$1.crt" \
        -startdate "${3:-$(date -u -d yesterday +%Y%m%d000000Z)}" \
        -enddate "${4:-$(date -u -d 'next month' +%Y%m%d000000Z)}" 2>/dev/null <<EOF
[ca]
default_ca = authority
[authority]
database = $tls/index.txt
new_certs_dir = $tls
rand_serial = yes
certificate = $tls/authority.crt
private_key = $tls/authority.key
default_md = sha256
policy = any
x509_extensions = server
[any]
commonName = supplied
[server]
subjectAltName = $2
EOF
}

make_authority() {
    command -v openssl >/dev/null || apt_install openssl
    tls=$scratch/tls
    mkdir "$tls"
    authority authority
}
