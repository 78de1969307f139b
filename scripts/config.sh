# Sourced by train.sh and test.sh with their arguments. Sets `config` to the file that the first one means and `settings`
# to the key=value ones among the rest, and makes the streets that the quick_* configurations train on.
config=${1:-quick_acn}
[ $# -eq 0 ] || shift
[ -f "$config" ] || config=experiments/deeplab/cfgs/${config%.yaml}.yaml
settings=()
for argument in "$@"; do
  case $argument in -*) ;; *=*) settings+=("$argument") ;; esac
done
case ${config##*/} in
  quick_*) .venv/bin/python -m deeplab.dataset.streets data/streets --train 200 --val 40 --size 128x192 --seed 7 ;;
esac
