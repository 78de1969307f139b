# Sourced by train.sh and test.sh with their arguments. Sets up what is missing (PyTorch where engine=torch asks for it),
# `config` to the first word and `settings` to the key=value ones among the rest.
config=quick_acn
case ${1:-} in '' | -*) ;; *) config=$1 && shift ;; esac
settings=()
extras=mxnet,deeplab
before=
for argument in "$@"; do
  case $before in
    --ssh | --hosts | --address | --params) ;; # this word belongs to the option
    *)
      case $argument in
        -*) ;;
        engine=torch) settings+=("$argument") && extras=$extras,torch ;;
        *=*) settings+=("$argument") ;;
      esac
      ;;
  esac
  before=$argument
done
scripts/setup.sh "$extras"
